import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, DatePicker, Input, Radio, Select } from "antd";
import dayjs from "dayjs";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { type Calendar, type CalendarDay, calendarQuery } from "./queries";

/** Which days are worked: the calendar of the country, and days of one's own. */
export function CalendarTab() {
  const query = useQuery(calendarQuery);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data) return <Days calendar={query.data} />;
  return (
    <section className="card calendar-card stack" aria-busy="true">
      {[20, 60, 40].map((w) => (
        <span key={w} className="bone" style={{ width: `${w}%` }} />
      ))}
    </section>
  );
}

function Days({ calendar }: { calendar: Calendar }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("schedules:write");
  const [choice, setChoice] = useState(calendar.calendar);
  const [own, setOwn] = useState<CalendarDay[]>(calendar.own);
  const [touched, setTouched] = useState(false);
  const saved = useUnsaved(touched);
  const change = (days: CalendarDay[]) => {
    setOwn([...days].sort((a, b) => (a.day < b.day ? -1 : 1)));
    setTouched(true);
  };
  const save = useWrite({
    mutationFn: () => data(api.PUT("/api/v1/calendar", { body: { calendar: choice, own } })),
    onSuccess: async (c) => {
      saved();
      setTouched(false);
      setOwn(c.own);
      client.setQueryData(calendarQuery.queryKey, c);
      message.success(t("jobs.calendar.saved"));
      await client.invalidateQueries({ queryKey: ["schedules"] });
    },
  });
  const today = new Date().toISOString().slice(0, 10);
  const coming = calendar.public.filter((d) => d.day >= today).slice(0, 40);
  return (
    <>
      <section className="card calendar-card stack">
        <h3>{t("jobs.calendar.title")}</h3>
        <p className="muted">{t("jobs.calendar.about")}</p>
        <div className="row">
          <Select
            className="calendar-choice"
            value={choice}
            disabled={!may}
            aria-label={t("jobs.calendar.title")}
            onChange={(v) => {
              setChoice(v);
              setTouched(true);
            }}
            options={(["auto", "cn", "weekends"] as const).map((v) => ({
              value: v,
              label:
                v === "auto"
                  ? t("jobs.calendar.auto", {
                      used: t(`jobs.calendar.${calendar.used}`),
                      zone: calendar.time_zone,
                    })
                  : t(`jobs.calendar.${v}`),
            }))}
          />
          {calendar.years.length > 0 && (
            <span className="muted">{t("jobs.calendar.years", { years: spanOf(calendar.years) })}</span>
          )}
        </div>
      </section>
      <section className="card calendar-card stack">
        <h3>{t("jobs.calendar.own")}</h3>
        <p className="muted">{t("jobs.calendar.ownHint")}</p>
        {own.map((d) => (
          <div key={d.day} className="row">
            <code>{d.day}</code>
            <Pill tone={d.working ? "plain" : "good"}>
              {t(d.working ? "jobs.calendar.working" : "jobs.calendar.free")}
            </Pill>
            <span className="ellipsis">{d.name}</span>
            {may && (
              <Button
                type="text"
                size="small"
                icon={<X size={14} />}
                aria-label={t("jobs.calendar.remove", { day: d.day })}
                onClick={() => change(own.filter((o) => o.day !== d.day))}
              />
            )}
          </div>
        ))}
        {may && <NewDay taken={own} onAdd={(d) => change([...own.filter((o) => o.day !== d.day), d])} />}
        {may && (
          <div>
            <Button type="primary" disabled={!touched} loading={save.isPending} onClick={() => save.mutate()}>
              {t("action.save")}
            </Button>
          </div>
        )}
      </section>
      {coming.length > 0 && (
        <section className="card calendar-card stack">
          <h3>{t("jobs.calendar.public")}</h3>
          <ol className="preview-runs">
            {coming.map((d) => (
              <li key={d.day}>
                <code>{d.day}</code>
                <span>{d.name}</span>
                <span className="muted">{t(d.working ? "jobs.calendar.working" : "jobs.calendar.free")}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

/** Years in a row as "2025–2026". */
function spanOf(years: readonly number[]): string {
  const [first = 0, last = first] = [years[0], years.at(-1)];
  return last - first === years.length - 1 && last > first ? `${first}–${last}` : years.join(" / ");
}

function NewDay({ taken, onAdd }: { taken: CalendarDay[]; onAdd: (d: CalendarDay) => void }) {
  const { t } = useTranslation();
  const [day, setDay] = useState("");
  const [working, setWorking] = useState(false);
  const [name, setName] = useState("");
  return (
    <form
      className="own-day-form"
      onSubmit={(e) => {
        e.preventDefault();
        if (!day) return;
        onAdd({ day, working, name: name.trim() });
        setDay("");
        setName("");
      }}
    >
      <DatePicker
        value={day ? dayjs(day) : null}
        onChange={(d) => setDay(d ? d.format("YYYY-MM-DD") : "")}
        placeholder={t("jobs.calendar.day")}
        aria-label={t("jobs.calendar.day")}
      />
      <Radio.Group
        value={working}
        onChange={(e) => setWorking(e.target.value)}
        optionType="button"
        options={[
          { value: false, label: t("jobs.calendar.free") },
          { value: true, label: t("jobs.calendar.working") },
        ]}
      />
      <Input
        value={name}
        maxLength={100}
        onChange={(e) => setName(e.target.value)}
        placeholder={t("jobs.calendar.namePlaceholder")}
        aria-label={t("jobs.calendar.namePlaceholder")}
      />
      <Button htmlType="submit" icon={<Plus size={14} />} disabled={!day}>
        {taken.some((o) => o.day === day) ? t("jobs.calendar.replace") : t("jobs.calendar.add")}
      </Button>
    </form>
  );
}

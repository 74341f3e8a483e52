import { DatePicker, Select, Tooltip } from "antd";
import dayjs from "dayjs";
import { Globe } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { ConditionList } from "@/components/conditions/ConditionRow";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { SegmentPicker } from "@/components/conditions/SegmentPicker";
import { zoneOffset } from "@/lib/format";
import { startOfDay } from "@/lib/zone";
import { useFrame } from "./frame";
import { type Breakdown, defaultRange, presets, type Question } from "./question";

/** The events that a question of a tab is about. */
export function eventsOf(q: Question): string[] {
  switch (q.tab) {
    case "funnel":
      return q.funnel?.steps.map((s) => s.event) ?? [];
    case "retention":
      return q.retention ? [q.retention.first.event, q.retention.return.event] : [];
    case "sql":
      return [];
    default:
      return q.trend?.series.map((s) => s.event) ?? [];
  }
}

/** When, who, which events, split by what: the same for every kind of question. */
export function FilterBar() {
  const { t } = useTranslation();
  const format = useFormat();
  const { q, set, range, events } = useFrame();
  const [custom, setCustom] = useState(range.preset === null);
  const named = eventsOf(q).filter((e) => e && e !== "*");
  const about = named.length > 0 ? named : events.slice(0, 3).map((e) => e.event);
  const day = (key: string) => format.date(startOfDay(key, format.timeZone));
  const own = custom || range.preset === null;
  return (
    <section className="card filter-bar" aria-label={t("analytics.filters")}>
      <div className="filter-row">
        <Select
          className="pick"
          aria-label={t("analytics.range")}
          value={own ? "custom" : range.preset}
          popupMatchSelectWidth={false}
          listHeight={420}
          onChange={(v) => {
            setCustom(v === "custom");
            set({
              range:
                v === "custom"
                  ? `${range.first}~${range.last}`
                  : v === defaultRange
                    ? undefined
                    : (v ?? undefined),
            });
          }}
          options={[
            ...presets.map((p) => ({ value: p as string, label: t(`analytics.preset.${p}`) })),
            { value: "custom", label: t("analytics.preset.custom") },
          ]}
        />
        {own ? (
          <DatePicker.RangePicker
            className="filter-days"
            aria-label={t("analytics.days")}
            allowClear={false}
            value={[dayjs(range.first), dayjs(range.last)]}
            onChange={(v) => {
              if (v?.[0] && v[1]) set({ range: `${v[0].format("YYYY-MM-DD")}~${v[1].format("YYYY-MM-DD")}` });
            }}
          />
        ) : (
          <span className="muted filter-dates">
            {range.first === range.last
              ? day(range.first)
              : t("analytics.fromTo", { from: day(range.first), to: day(range.last) })}
          </span>
        )}
        <span className="filter-gap" />
        {q.tab !== "sql" && (
          <Select
            className="pick"
            aria-label={t("analytics.subject.label")}
            value={q.subject ?? "person"}
            popupMatchSelectWidth={false}
            options={(["person", "household"] as const).map((v) => ({
              value: v,
              label: t(`analytics.subject.${v}`),
            }))}
            onChange={(v) =>
              set(
                v === "household"
                  ? { subject: v }
                  : {
                      subject: undefined,
                      // What is known of households is asked about households only.
                      filters: q.filters?.filter((f) => !f.household),
                      ...(q.by?.household ? { by: undefined } : {}),
                    },
              )
            }
          />
        )}
        <SegmentPicker
          value={q.segment}
          label={t("analytics.segment")}
          placeholder={t("analytics.everyone")}
          allowClear
          onChange={(segment) => set({ segment })}
        />
        {q.tab !== "retention" && (
          <FieldPicker
            events={about}
            value={(q.by ?? {}) as Breakdown & { dimension?: string }}
            withDimensions
            withHouseholds={q.subject === "household"}
            allowClear
            label={t("analytics.breakdown")}
            placeholder={t("analytics.breakdown")}
            onChange={(by) => set({ by: by as Breakdown })}
            onClear={() => set({ by: undefined })}
          />
        )}
        <Tooltip title={t("time.zone", { zone: format.timeZone, offset: zoneOffset(format.timeZone) })}>
          <span className="filter-zone">
            <Globe size={13} aria-hidden="true" /> {format.timeZone}
          </span>
        </Tooltip>
      </div>
      <div className="filter-conditions">
        <ConditionList
          events={about}
          value={q.filters}
          withDimensions
          withHouseholds={q.subject === "household"}
          addLabel={t("analytics.addFilter")}
          onChange={(filters) => set({ filters })}
        />
      </div>
    </section>
  );
}

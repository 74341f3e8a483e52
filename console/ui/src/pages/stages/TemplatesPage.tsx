import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Button, Checkbox, InputNumber } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { EventPicker } from "@/components/conditions/EventPicker";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { type Template, type TemplateResult, templatesQuery } from "./queries";
import "./stages.css";

const route = getRouteApi("/shell/stages/templates");
const kinds = ["cycle", "segments", "tags"] as const;
type Part = (typeof kinds)[number];

/** What is usual in industries: a life cycle, segments and tags, of one's own events. */
export function TemplatesPage() {
  const { t } = useTranslation();
  const { template } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery(templatesQuery);
  const text = useText();
  const open = query.data?.items.find((x) => x.key === template);
  return (
    <div className="page">
      <PageHeader title={t("stages.templates")} about={t("stages.templatesAbout")} />
      {query.error && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      <div className="stack">
        {query.data?.items.map((x) => (
          <section key={x.key} className="card card-pad">
            <div className="row">
              <h2>{text(x.name)}</h2>
              <Button className="push-right" onClick={() => setSearch({ template: x.key }, "push")}>
                {t("stages.use")}
              </Button>
            </div>
            <p className="muted">{text(x.about)}</p>
            <p>
              {x.cycle.stages.map((s) => text(s.name)).join(" → ")}
              {x.cycle.lost && ` · ${text(x.cycle.lost.name)}`}
            </p>
          </section>
        ))}
        <section className="card card-pad">
          <div className="row">
            <h2>{t("stages.rfm.title")}</h2>
            <Button className="push-right" onClick={() => setSearch({ template: "rfm" }, "push")}>
              {t("stages.use")}
            </Button>
          </div>
          <p className="muted">{t("stages.rfm.about")}</p>
        </section>
      </div>
      <DetailDrawer
        open={template !== undefined}
        onClose={() => setSearch({ template: undefined })}
        width={640}
        title={template === "rfm" ? t("stages.rfm.title") : open ? text(open.name) : t("stages.templates")}
      >
        {template === "rfm" && <RFM />}
        {open && <Use key={open.key} template={open} />}
      </DetailDrawer>
    </div>
  );
}

function useText(): (x: { en: string; zh: string }) => string {
  const { lang } = useFormat();
  return (x) => (lang === "en" ? x.en : x.zh);
}

type Filled = Record<string, { event: string; amount: string }>;

/** Asks which events stand for those of a template, and makes what it says. */
function Use({ template }: { template: Template }) {
  const { t } = useTranslation();
  const text = useText();
  const language = useFormat().lang === "en" ? ("en" as const) : ("zh" as const);
  const client = useQueryClient();
  const may: Record<Part, boolean> = {
    cycle: useMay("stages:write"),
    segments: useMay("segments:write"),
    tags: useMay("tags:write"),
  };
  const offered = kinds.filter((k) => may[k] && (k !== "tags" || template.tiers.length > 0));
  const [parts, setParts] = useState<readonly Part[]>(offered);
  const [filled, setFilled] = useState<Filled>(() =>
    Object.fromEntries(
      template.slots.map((s) => [s.key, { event: template.suggested[s.key] ?? "", amount: "" }]),
    ),
  );
  const set = (key: string, change: Partial<Filled[string]>) =>
    setFilled((f) => ({ ...f, [key]: { event: "", amount: "", ...f[key], ...change } }));
  const make = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/templates/{key}/apply", {
          params: { path: { key: template.key }, header: idempotencyKey() },
          body: {
            language,
            parts: [...parts],
            events: Object.fromEntries(
              Object.entries(filled)
                .filter(([, f]) => f.event !== "")
                .map(([k, f]) => [k, f.amount ? f : { event: f.event }]),
            ),
          },
        }),
      ),
    onSuccess: async () => {
      for (const part of ["stages", "segments", "tags"]) await client.invalidateQueries({ queryKey: [part] });
    },
  });
  const missing = template.slots.some((s) => s.needed && !filled[s.key]?.event);
  if (make.data) return <Made result={make.data} />;
  return (
    <div className="stack">
      <p>{t("stages.mapAbout")}</p>
      <div className="stage-slots">
        {template.slots.map((s) => {
          const f = filled[s.key];
          return (
            <div key={s.key} style={{ display: "contents" }}>
              <span>
                {text(s.name)}
                {s.needed && <small className="muted"> · {t("stages.needed")}</small>}
              </span>
              <span className="row">
                <EventPicker
                  value={f?.event ?? ""}
                  onChange={(event) => set(s.key, { event, amount: "" })}
                  label={text(s.name)}
                />
                {s.amount && f?.event && (
                  <FieldPicker
                    label={t("stages.amount")}
                    events={[f.event]}
                    numbers
                    value={{ property: f.amount }}
                    onChange={(field) => set(s.key, { amount: field.property ?? "" })}
                    placeholder={t("stages.amount")}
                  />
                )}
              </span>
            </div>
          );
        })}
      </div>
      <Checkbox.Group
        value={[...parts]}
        options={offered.map((value) => ({ value, label: t(`stages.parts.${value}`) }))}
        onChange={(v) => setParts(v)}
      />
      <Button
        type="primary"
        disabled={missing || parts.length === 0}
        loading={make.isPending}
        onClick={() => make.mutate()}
      >
        {t("stages.make")}
      </Button>
    </div>
  );
}

/** What there is now, and what was left out and why. */
function Made({ result }: { result: TemplateResult }) {
  const { t } = useTranslation();
  return (
    <div className="stack" role="status">
      <ul>
        {result.made.map((m) => (
          <li key={m.id}>
            {t(`stages.kinds.${m.kind}`)} · <MadeLink made={m} />
          </li>
        ))}
      </ul>
      {result.made.some((m) => m.kind === "tag") && <p className="muted">{t("stages.tagsWait")}</p>}
      {result.left_out.length > 0 && (
        <>
          <h3>{t("stages.leftOut")}</h3>
          <ul>
            {result.left_out.map((l) => (
              <li key={`${l.kind} ${l.name}`}>
                {t(`stages.kinds.${l.kind}`)} · {l.name}{" "}
                <span className="muted">– {t(`stages.leftWhy.${l.why}`)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function MadeLink({ made }: { made: TemplateResult["made"][number] }) {
  if (made.kind === "cycle")
    return (
      <Link to="/stages/$id" params={{ id: made.id }} className="door">
        {made.name}
      </Link>
    );
  if (made.kind === "segment")
    return (
      <Link to="/segments/$id" params={{ id: made.id }} className="door">
        {made.name}
      </Link>
    );
  return (
    <Link to="/tags" search={{ tag: made.id }} className="door">
      {made.name}
    </Link>
  );
}

/** Value tiers by recency, frequency and money. */
function RFM() {
  const { t } = useTranslation();
  const may = useMay("tags:write");
  const client = useQueryClient();
  const language = useFormat().lang === "en" ? ("en" as const) : ("zh" as const);
  const [event, setEvent] = useState("");
  const [amount, setAmount] = useState("");
  const [days, setDays] = useState(365);
  const [hours, setHours] = useState(24);
  const make = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/rfm", {
          params: { header: idempotencyKey() },
          body: { event, amount, days, every_hours: hours, language },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tags"] }),
  });
  if (make.data) return <Made result={make.data} />;
  return (
    <div className="stack">
      <p>{t("stages.rfm.how")}</p>
      <div className="stage-slots">
        <span>{t("stages.rfm.event")}</span>
        <EventPicker
          value={event}
          onChange={(e) => {
            setEvent(e);
            setAmount("");
          }}
          label={t("stages.rfm.event")}
        />
        <span>{t("stages.amount")}</span>
        <FieldPicker
          label={t("stages.amount")}
          events={[event]}
          numbers
          value={{ property: amount }}
          onChange={(field) => setAmount(field.property ?? "")}
          placeholder={t("stages.amount")}
        />
        <label htmlFor="rfm-days">{t("stages.rfm.days")}</label>
        <InputNumber id="rfm-days" min={1} max={1098} value={days} onChange={(n) => setDays(n ?? 365)} />
        <label htmlFor="rfm-hours">{t("stages.rfm.hours")}</label>
        <InputNumber id="rfm-hours" min={1} max={744} value={hours} onChange={(n) => setHours(n ?? 24)} />
      </div>
      <Button
        type="primary"
        disabled={!may || event === "" || amount === ""}
        loading={make.isPending}
        onClick={() => make.mutate()}
      >
        {t("stages.make")}
      </Button>
    </div>
  );
}

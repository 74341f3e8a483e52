import { Button, DatePicker, InputNumber, Select } from "antd";
import dayjs from "dayjs";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Condition, ConditionOp, Rule } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ConditionList, OpSelect } from "@/components/conditions/ConditionRow";
import { EventPicker } from "@/components/conditions/EventPicker";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { convertValue } from "@/components/conditions/fields";
import { Length } from "@/components/conditions/Length";
import { ValueInput } from "@/components/conditions/ValueInput";
import {
  type AmountMeasure,
  type EventRule,
  eventParts,
  type Measure,
  measureOf,
  measuresIn,
  periods,
  type ValueMeasure,
  type WindowKind,
  windowKinds,
  windowOf,
} from "@/lib/rule";
import { addDays, dayOf, startOfDay } from "@/lib/zone";

type Times = "gte" | "lte" | "eq" | "never";
const counted: readonly Times[] = ["gte", "lte", "eq", "never"];

/** A condition on what people did: what is compared, of which events, when. */
export function EventEditor({
  rule,
  onChange,
  fresh,
}: {
  rule: EventRule;
  onChange: (r: Rule) => void;
  fresh: boolean;
}) {
  const { t } = useTranslation();
  const [begun, setBegun] = useState(false);
  const setWhere = (where: Condition[] | undefined) => {
    const { where: _where, ...rest } = rule;
    onChange(where ? { ...rest, where } : rest);
  };
  return (
    <>
      <div className="rule-line">
        <MeasureEditor rule={rule} onChange={onChange} />
        <EventPicker
          value={rule.event}
          label={t("condition.event")}
          fresh={fresh}
          onChange={(event) => {
            const { where: _where, ...rest } = rule;
            onChange(event === rule.event ? rule : { ...rest, event });
          }}
        />
        <Compared rule={rule} onChange={onChange} />
        <WindowEditor rule={rule} onChange={onChange} />
        {rule.event !== "" && !rule.where && (
          <Button
            type="text"
            size="small"
            className="add"
            icon={<Plus size={13} />}
            onClick={() => {
              setBegun(true);
              setWhere([{ op: "eq" }]);
            }}
          >
            {t("segments.builder.addWhere")}
          </Button>
        )}
      </div>
      {rule.where && (
        <div className="rule-where">
          <ConditionList
            events={[rule.event]}
            value={rule.where}
            fresh={begun}
            addLabel={t("segments.builder.addWhere")}
            onChange={setWhere}
          />
        </div>
      )}
    </>
  );
}

interface Props {
  rule: EventRule;
  onChange: (r: Rule) => void;
}

/** A new measure's condition, which keeps of the old one what both have. */
function measured(rule: EventRule, m: Measure): Partial<EventRule> {
  const now = measureOf(rule);
  const old = rule[now] as { property?: string; op?: string; value?: unknown } | undefined;
  const property = old?.property ?? "";
  if (m === "count") return { count: { op: "gte", value: 1 } };
  if (m === "distinct") return { distinct: { property, op: "gte", value: 2 } };
  if (m === "days") return { days: { op: "gte", value: 2 } };
  if (m === "first" || m === "last") return { [m]: { property, op: "eq" } };
  const op = old?.op === "lte" || old?.op === "eq" ? old.op : "gte";
  const value = typeof old?.value === "number" && now !== "count" ? old.value : undefined;
  return { [m]: { property, op, value } } as Partial<EventRule>;
}

function MeasureEditor({ rule, onChange }: Props) {
  const { t } = useTranslation();
  const format = useFormat();
  const m = measureOf(rule);
  const { what, when } = eventParts(rule);
  const set = (next: Partial<EventRule>) => onChange({ ...what, ...next, ...when });
  const count = rule.count ?? { op: "gte", value: 1 };
  const times: Times = count.value === 0 && count.op !== "gte" ? "never" : count.op;
  const offered = measuresIn(windowOf(rule), rule.calendar?.back ?? 0);
  const choose = (next: Times | Measure) => {
    if (next === "never") set({ count: { op: "eq", value: 0 } });
    else if (next === "gte" || next === "lte" || next === "eq")
      set({ count: { op: next, value: m === "count" ? Math.max(count.value, 1) : 1 } });
    else set(next === "days" ? { days: { op: "gte", value: 2, tz: format.timeZone } } : measured(rule, next));
  };
  const whole = m === "distinct" ? rule.distinct : m === "days" ? rule.days : undefined;
  return (
    <span className="rule-bit">
      <Select<Times | Measure>
        className="pick rule-did"
        aria-label={t("segments.builder.times")}
        value={m === "count" ? times : m}
        popupMatchSelectWidth={false}
        onChange={choose}
        options={[
          {
            label: t("segments.builder.measureGroup.count"),
            options: counted.map((v) => ({ value: v, label: t(`segments.builder.did.${v}`) })),
          },
          {
            label: t("segments.builder.measureGroup.values"),
            options: offered
              .filter((v) => v !== "count")
              .map((v) => ({ value: v, label: t(`segments.builder.measure.${v}`) })),
          },
        ]}
      />
      {m === "count" && times !== "never" && (
        <>
          <InputNumber
            className="rule-n"
            aria-label={t("segments.builder.n")}
            min={1}
            max={1000}
            precision={0}
            value={count.value}
            onChange={(v) => set({ count: { op: count.op, value: v ?? 1 } })}
          />
          <span className="muted">{t("segments.builder.timesUnit", { count: count.value })}</span>
        </>
      )}
      {m !== "count" && m !== "days" && (
        <FieldPicker
          events={[rule.event]}
          value={{ property: (rule[m] as { property: string }).property }}
          numbers
          label={t("segments.builder.measuredProperty")}
          onChange={(f) => set({ [m]: { ...(rule[m] as object), property: f.property ?? "" } })}
        />
      )}
      {whole && <span className="muted">{t("segments.builder.of")}</span>}
      {m !== "count" && !whole && <span className="muted">{t("segments.builder.of")}</span>}
    </span>
  );
}

/** What another measure than how often is compared with. */
function Compared({ rule, onChange }: Props) {
  const { t } = useTranslation();
  const m = measureOf(rule);
  const { what, when } = eventParts(rule);
  const set = (next: Partial<EventRule>) => onChange({ ...what, ...next, ...when });
  if (m === "count") return null;
  if (m === "distinct" || m === "days") {
    const c = rule[m] as { op: "gte" | "lte" | "eq"; value: number };
    return (
      <span className="rule-bit">
        <Select
          className="pick pick-op"
          aria-label={t("condition.operator")}
          value={c.op}
          popupMatchSelectWidth={false}
          onChange={(op) =>
            set({
              [m]: { ...c, op, value: op === "gte" ? Math.max(c.value, 1) : c.value },
            } as Partial<EventRule>)
          }
          options={(["gte", "lte", "eq"] as const).map((op) => ({
            value: op,
            label: t(`segments.builder.atLeast.${op}`),
          }))}
        />
        <InputNumber
          className="rule-n"
          aria-label={t("condition.value")}
          min={c.op === "gte" ? 1 : 0}
          max={1000}
          precision={0}
          value={c.value}
          onChange={(v) => set({ [m]: { ...c, value: v ?? 1 } } as Partial<EventRule>)}
        />
        <span className="muted">{t(`segments.builder.thing.${m}`, { count: c.value })}</span>
      </span>
    );
  }
  if (m === "first" || m === "last") return <Valued rule={rule} m={m} set={set} />;
  return <Amount rule={rule} m={m} set={set} />;
}

function Amount(props: { rule: EventRule; m: AmountMeasure; set: (next: Partial<EventRule>) => void }) {
  const { t } = useTranslation();
  const { rule, m, set } = props;
  const c = rule[m] as { property: string; op: "gte"; value: number };
  return (
    <span className="rule-bit">
      <Select
        className="pick pick-op"
        aria-label={t("condition.operator")}
        value={c.op}
        popupMatchSelectWidth={false}
        onChange={(op) => set({ [m]: { ...c, op } })}
        options={(["gte", "gt", "lte", "lt", "eq"] as const).map((op) => ({
          value: op,
          label: t(`condition.op.${op}`),
        }))}
      />
      <InputNumber
        className="rule-amount"
        aria-label={t("condition.value")}
        value={c.value ?? null}
        onChange={(v) => set({ [m]: { ...c, value: v ?? undefined } } as Partial<EventRule>)}
      />
    </span>
  );
}

function Valued(props: { rule: EventRule; m: ValueMeasure; set: (next: Partial<EventRule>) => void }) {
  const { rule, m, set } = props;
  const c = rule[m] as { property: string; op: ConditionOp; value?: unknown };
  return (
    <span className="rule-bit">
      <OpSelect
        op={c.op}
        type="unknown"
        onChange={(op) => set({ [m]: { ...c, op, value: convertValue(c.value, c.op, op) } })}
      />
      <ValueInput
        op={c.op}
        type="unknown"
        value={c.value}
        of={{ event: rule.event, property: c.property }}
        onChange={(value) => set({ [m]: { ...c, value } })}
      />
    </span>
  );
}

const defaults = (kind: WindowKind, zone: string, now: number): Partial<EventRule> => {
  switch (kind) {
    case "within":
      return { within: "30d" };
    case "ago":
      return { ago: { from: "30d", to: "10d" } };
    case "calendar":
      return { calendar: { unit: "month", tz: zone } };
    case "fixed":
      return { since: startOfDay(addDays(dayOf(now, zone), -30), zone).toISOString() };
  }
  return {};
};

function WindowEditor({ rule, onChange }: Props) {
  const { t } = useTranslation();
  const format = useFormat();
  const { what, measured: of } = eventParts(rule);
  const kind = windowOf(rule);
  // What the new window does not know is asked in the way that all know.
  const set = (when: Partial<EventRule>) => {
    const next = { ...what, ...of, ...when };
    const known = measuresIn(windowOf(next), next.calendar?.back ?? 0).includes(measureOf(next));
    onChange(known ? next : { ...what, count: { op: "gte", value: 1 }, ...when });
  };
  return (
    <span className="rule-bit">
      <Select<WindowKind>
        className="pick"
        aria-label={t("segments.builder.window")}
        value={kind}
        popupMatchSelectWidth={false}
        onChange={(v) => set(defaults(v, format.timeZone, Date.now()))}
        options={windowKinds.map((v) => ({ value: v, label: t(`segments.builder.${v}`) }))}
      />
      {rule.within !== undefined && (
        <Length value={rule.within} label="window" onChange={(within) => set({ within })} />
      )}
      {rule.ago && (
        <>
          <Length
            value={rule.ago.from}
            label="from"
            onChange={(from) => set({ ago: { from, to: rule.ago?.to ?? "1d" } })}
          />
          <span className="muted">{t("segments.builder.and")}</span>
          <Length
            value={rule.ago.to}
            label="to"
            onChange={(to) => set({ ago: { from: rule.ago?.from ?? "30d", to } })}
          />
          <span className="muted">{t("segments.builder.agoUnit")}</span>
        </>
      )}
      {rule.calendar && <Calendar rule={rule} set={set} />}
      {kind === "fixed" && <Fixed rule={rule} set={set} />}
    </span>
  );
}

function Calendar({ rule, set }: { rule: EventRule; set: (when: Partial<EventRule>) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const c = rule.calendar ?? { unit: "month" as const };
  const back = c.back ?? 0;
  const change = (next: Partial<typeof c>) =>
    set({ calendar: { tz: format.timeZone, ...c, ...next } as NonNullable<EventRule["calendar"]> });
  return (
    <>
      <Select
        className="pick"
        aria-label={t("segments.builder.period")}
        value={c.unit}
        onChange={(unit) => change({ unit })}
        options={periods.map((p) => ({ value: p, label: t(`segments.builder.periods.${p}`) }))}
      />
      <Select
        className="pick"
        aria-label={t("segments.builder.back")}
        value={Math.min(back, 12)}
        popupMatchSelectWidth={false}
        onChange={(n) => change({ back: n === 0 ? undefined : n } as Partial<typeof c>)}
        options={[...Array(13).keys()].map((n) => ({
          value: n,
          label:
            n < 2
              ? t(`segments.builder.back${n as 0 | 1}`)
              : t("segments.builder.backMany", { n: format.num(n) }),
        }))}
      />
    </>
  );
}

/** From a day on, and before another; days are those of the console's time zone. */
function Fixed({ rule, set }: { rule: EventRule; set: (when: Partial<EventRule>) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const day = (s: string | undefined, shift: number) =>
    s === undefined ? null : dayjs(addDays(dayOf(Date.parse(s), format.timeZone), shift));
  const moment = (d: dayjs.Dayjs | null, shift: number) =>
    d ? startOfDay(addDays(d.format("YYYY-MM-DD"), shift), format.timeZone).toISOString() : undefined;
  const change = (since: string | undefined, until: string | undefined) =>
    set(
      since === undefined && until === undefined
        ? {}
        : { ...(since ? { since } : {}), ...(until ? { until } : {}) },
    );
  return (
    <>
      <DatePicker
        size="small"
        aria-label={t("segments.builder.since")}
        placeholder={t("segments.builder.since")}
        value={day(rule.since, 0)}
        onChange={(d) => change(moment(d, 0), rule.until)}
      />
      <span className="muted">–</span>
      <DatePicker
        size="small"
        aria-label={t("segments.builder.until")}
        placeholder={t("segments.builder.until")}
        value={day(rule.until, -1)}
        onChange={(d) => change(rule.since, moment(d, 1))}
      />
    </>
  );
}

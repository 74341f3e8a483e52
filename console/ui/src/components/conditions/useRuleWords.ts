import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { segmentsQuery } from "@/api/queries";
import type { Condition, Rule, TraitOp } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import {
  type EventRule,
  groupOf,
  isEvent,
  isHousehold,
  isNot,
  isRandom,
  isSegment,
  isSequence,
  isTrait,
  type Measure,
  measureOf,
  membersOf,
  negate,
  parseLength,
  placeOf,
  takesLength,
  takesMoment,
  takesNoValue,
  windowOf,
} from "@/lib/rule";
import { fieldName } from "./fields";

/** Rules as sentences: "city is Berlin, and did Order Completed at least 2 times in the last 30 days". */
export function useRuleWords() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const segments = useQuery(segmentsQuery).data?.items;

  return useMemo(() => {
    // Marks, not words: what separates and encloses differs by script.
    const [comma, open, close] = format.lang === "en" ? [", ", " (", ")"] : ["、", "（", "）"];
    const value = (v: unknown): string => {
      if (typeof v === "number" || typeof v === "bigint") return format.num(v, 6);
      if (typeof v === "boolean") return t(v ? "condition.true" : "condition.false");
      if (v === undefined || v === null || v === "") return "…";
      return typeof v === "string" ? v : formatJson(v);
    };
    const length = (s: string | undefined): string => {
      const l = parseLength(s);
      return l ? t(`condition.length.${l.unit}`, { count: l.n, n: format.num(l.n) }) : "…";
    };
    const span = (s: string | undefined): string => {
      const l = parseLength(s);
      return l ? t(`condition.span.${l.unit}`, { count: l.n, n: format.num(l.n) }) : "…";
    };
    const days = (n: number) => t("condition.length.d", { count: n, n: format.num(n) });
    const test = (name: string, op: TraitOp, v: unknown): string => {
      if (takesLength(op))
        return t(`condition.words.length.${op as "ago_gt"}`, { name, length: span(v as string) });
      if (op === "anniversary") {
        const n = typeof v === "number" ? v : 0;
        return t(`condition.words.anniversary.${n === 0 ? "on" : n > 0 ? "until" : "since"}`, {
          name,
          length: days(Math.abs(n)),
        });
      }
      if (op === "near") {
        const p = placeOf(v);
        return t("condition.words.near", { name, north: value(p.lat), east: value(p.lng), km: value(p.km) });
      }
      if (takesMoment(op) && typeof v === "string" && !Number.isNaN(Date.parse(v)))
        return t("condition.words.test", {
          name,
          op: t(`condition.op.${op}`),
          value: format.date(Date.parse(v)),
        });
      const word = t(`condition.op.${op}`);
      if (takesNoValue(op)) return t("condition.words.testNoValue", { name, op: word });
      const shown = Array.isArray(v)
        ? v.length > 5
          ? `${v.slice(0, 5).map(value).join(comma)} …`
          : v.map(value).join(comma)
        : value(v);
      return t("condition.words.test", { name, op: word, value: shown });
    };
    const field = (c: Condition): string =>
      c.dimension && i18n.exists(`condition.dimension.${c.dimension}`)
        ? t(`condition.dimension.${c.dimension as "city"}`)
        : c.property
          ? labels.property(c.property)
          : fieldName(c) || "…";
    const condition = (c: Condition) => test(field(c), c.op, c.value);
    const where = (list: readonly Condition[] | undefined): string =>
      list?.length ? `${open}${list.map(condition).join(comma)}${close}` : "";
    const moment = (s: string | undefined): string => (s === undefined ? "" : format.date(Date.parse(s)));
    const window = (r: EventRule): string => {
      switch (windowOf(r)) {
        case "within":
          return t("condition.words.within", { window: length(r.within) });
        case "ago":
          return t("condition.words.ago", { from: span(r.ago?.from), to: span(r.ago?.to) });
        case "calendar": {
          const period = t(`condition.period.${r.calendar?.unit ?? "month"}`);
          const back = r.calendar?.back ?? 0;
          return back < 2
            ? t(`condition.words.calendar${back as 0 | 1}`, { period })
            : t("condition.words.calendarMany", { period, n: format.num(back) });
        }
        case "fixed": {
          const kind = r.until === undefined ? "since" : r.since === undefined ? "until" : "between";
          return t(`condition.words.${kind}`, { since: moment(r.since), until: moment(r.until) });
        }
      }
      return "";
    };
    const measured = (r: EventRule, m: Exclude<Measure, "count">, parts: Record<string, string>): string => {
      const c = r[m] as { property?: string; op: Condition["op"]; value?: unknown };
      const things = m === "distinct" || m === "days";
      const op = things ? t(`segments.builder.atLeast.${c.op as "gte"}`) : t(`condition.op.${c.op}`);
      return t(`condition.words.measured.${m}`, {
        ...parts,
        property: c.property ? labels.property(c.property) : "…",
        op,
        value: takesNoValue(c.op)
          ? ""
          : Array.isArray(c.value)
            ? c.value.map(value).join(comma)
            : value(c.value),
      }).trim();
    };
    const event = (r: EventRule): string => {
      const name = r.event ? labels.event(r.event) : "…";
      const op = r.count?.op ?? "gte";
      const n = r.count?.value ?? 1;
      const parts = { event: name, where: where(r.where), window: window(r) };
      const m = measureOf(r);
      if (m !== "count") return measured(r, m, parts);
      if (op !== "gte" && n === 0) return t("condition.words.never", parts).trim();
      if (op === "gte" && n === 1) return t("condition.words.did", parts).trim();
      return t("condition.words.didTimes", {
        ...parts,
        times: t(`condition.times.${op}`, { count: n, n: format.num(n) }),
      }).trim();
    };
    const rule = (r: Rule, nested = false): string => {
      if (isNot(r)) {
        if (isSegment(r.not) && r.not.for === undefined)
          return t("condition.words.notInSegment", { name: segment(r.not.segment) });
        const named = negate(r.not);
        if (!isNot(named)) return rule(named, nested);
        return t("condition.words.not", { rule: rule(r.not) });
      }
      const group = groupOf(r);
      if (group) {
        const parts = group.of.map((x) => rule(x, true));
        const text = parts.join(t(`condition.words.${group.kind}`));
        return nested && parts.length > 1 ? `${open.trim()}${text}${close}` : text;
      }
      if (isTrait(r)) return test(r.trait ? labels.trait(r.trait) : "…", r.op, r.value);
      if (isEvent(r)) return event(r);
      if (isSequence(r)) {
        const steps = r.sequence.map((s, i) =>
          t(`condition.words.step.${i === 0 ? "first" : s.not ? "not" : s.within ? "within" : "next"}`, {
            event: s.event ? labels.event(s.event) : "…",
            where: where(s.where),
            window: span(s.within),
          }),
        );
        const window = r.within === undefined ? "" : t("condition.words.begun", { window: length(r.within) });
        return `${steps.join(comma)}${window}`;
      }
      if (isRandom(r)) {
        const { salt, from = 0, to = 100 } = r.random;
        return t("condition.words.random", { salt, from: format.num(from, 2), to: format.num(to, 2) });
      }
      if (isSegment(r) && r.for !== undefined)
        return t("condition.words.inSegmentFor", { name: segment(r.segment), length: span(r.for) });
      if (isSegment(r)) return t("condition.words.inSegment", { name: segment(r.segment) });
      if (isHousehold(r)) {
        const { who, of, role } = membersOf(r);
        return t(`condition.words.household.${who}`, {
          role: t(`condition.household.role.${role ?? "anybody"}`),
          rule: rule(of, true),
        });
      }
      return "";
    };
    const segment = (id: string) => segments?.find((s) => s.id === id)?.name ?? (id || "…");
    return { rule: (r: Rule) => rule(r), condition, where, field };
  }, [t, i18n, format, labels, segments]);
}

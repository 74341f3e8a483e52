import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useLabels } from "@/lib/labels";
import type { Difference } from "./diff";
import type { Plan } from "./queries";

// What a plan asks of a value, as the server words it (admission/plan, want).
const asked: readonly [RegExp, "oneOf" | "form" | "format"][] = [
  [/^one of (.+)$/s, "oneOf"],
  [/^of the form (.+)$/s, "form"],
  [/^a ([a-z0-9-]+)$/, "format"],
];
const bounds: readonly [RegExp, string][] = [
  [/^at least (\S+)$/, "≥"],
  [/^at most (\S+)$/, "≤"],
  [/^above (\S+)$/, ">"],
  [/^below (\S+)$/, "<"],
];
// Keywords that a sign says better than a word.
const signs: Readonly<Record<string, string>> = {
  const: "=",
  minimum: "≥",
  maximum: "≤",
  exclusiveMinimum: ">",
  exclusiveMaximum: "<",
};
const long =
  /^(?:(?<least>\d+) or more|at most (?<most>\d+)|(?<from>\d+) to (?<to>\d+)) (?<what>elements|characters)$/;
const typeNames = /^[a-z]+(?: or [a-z]+)*$/;

/** Words for plans; what is not known here is shown as the server says it. */
export function usePlanWords() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return useMemo(() => {
    const known = (key: string, fallback: string): string =>
      i18n.exists(key) ? (t as (k: string) => string)(key) : fallback;
    const type = (name: string) => known(`plans.type.${name}`, name);
    const wanted = (text: string): string => {
      const length = long.exec(text)?.groups;
      if (length) {
        const { least, most, from, to, what } = length;
        const unit = what === "elements" ? ("elements" as const) : ("characters" as const);
        if (least) return t(`plans.wanted.${unit}Least`, { n: least });
        if (most) return t(`plans.wanted.${unit}Most`, { n: most });
        return t(`plans.wanted.${unit}`, { n: from, of: to });
      }
      if (text.includes(" and ") && !text.startsWith("one of ") && !text.startsWith("of the form "))
        return text.split(" and ").map(wanted).join(t("plans.wanted.and"));
      for (const [pattern, key] of asked) {
        const found = pattern.exec(text)?.[1];
        if (found !== undefined) return t(`plans.wanted.${key}`, { value: found });
      }
      for (const [pattern, sign] of bounds) {
        const found = pattern.exec(text)?.[1];
        if (found !== undefined) return `${sign} ${found}`;
      }
      if (typeNames.test(text)) return text.split(" or ").map(type).join(t("plans.wanted.or"));
      return text;
    };
    const keyword = (k: string) => signs[k] ?? known(`plans.keyword.${k.replaceAll("-", "_")}`, k);
    const words = {
      type,
      wanted,
      keyword,
      rule: (r: string) => known(`plans.rule.${r}`, r),
      action: (a: string) => known(`plans.action.${a}`, a),
      difference: (d: Difference): string => {
        if (d.kind === "default")
          return t("plans.diff.default", {
            what: t(`plans.defaults.${d.of}`),
            from: words.action(d.from),
            to: words.action(d.to),
          });
        const keys = "keys" in d ? format.list(d.keys.map(keyword)) : "";
        return t(`plans.diff.${d.kind}`, {
          event: labels.event(d.event),
          path: "path" in d ? d.path : "",
          keys,
        });
      },
      state: (p: Plan) =>
        p.live
          ? p.changed
            ? ({ key: "changed", tone: "gold" } as const)
            : ({ key: "live", tone: "good" } as const)
          : p.revision > 0
            ? ({ key: "retired", tone: "plain" } as const)
            : ({ key: "draft", tone: "plain" } as const),
    };
    return words;
  }, [t, i18n, format, labels]);
}

import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useLabels } from "@/lib/labels";

const fixed = {
  "parted by an operator": "apart",
  "the value names nobody": "blocked",
  "nobody has it": "unknown",
  "neither says who somebody is": "neither",
  "it says no longer who somebody is": "relates",
} as const;

export type Reason =
  | { key: (typeof fixed)[keyof typeof fixed] }
  | { key: "limit"; n: number; kind: string }
  | { key: "window"; n: number; kind: string; days: number }
  | { key: "all"; n: number };

/** Reads why the graph leaves a link out; null for what is said otherwise. */
export function readReason(text: string): Reason | null {
  const key = fixed[text as keyof typeof fixed];
  if (key) return { key };
  const m = /^limit of (\d+) ([a-z0-9_]+)(?: in (\d+) days)?$/.exec(text);
  if (!m) return null;
  const [, n, kind = "", days] = m;
  if (days) return { key: "window", n: Number(n), kind, days: Number(days) };
  return kind === "identifiers" ? { key: "all", n: Number(n) } : { key: "limit", n: Number(n), kind };
}

/** Says why a link is left out, in the language of the page. */
export function useReason(): (text: string) => string {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (text) => {
    const r = readReason(text);
    if (!r) return text;
    switch (r.key) {
      case "limit":
        return t("people.identity.reason.limit", { n: format.num(r.n), kind: labels.identifierKind(r.kind) });
      case "window":
        return t("people.identity.reason.window", {
          n: format.num(r.n),
          kind: labels.identifierKind(r.kind),
          days: format.num(r.days),
        });
      case "all":
        return t("people.identity.reason.all", { n: format.num(r.n) });
      default:
        return t(`people.identity.reason.${r.key}`);
    }
  };
}

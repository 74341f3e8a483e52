import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import type { Compared, Pair } from "./queries";

/** Words for what the model says, for people who have never heard of it. */
export function useLinkageWords() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  return useMemo(() => {
    const known = (prefix: string, key: string): string => {
      const at = `linkage.${prefix}.${key}`;
      return i18n.exists(at) ? (t as (k: string) => string)(at) : key;
    };
    return {
      /** Nothing is certain: what rounds to all of it is said as a bound. */
      chance: (c: number) => (c > 0.999 ? `> ${format.percent(0.999)}` : format.percent(c)),
      column: (name: string) => known("column", name),
      kind: (kind: string) => known("kind", kind),
      /** "words 70 % alike" and the like: names of levels are the server's. */
      level: (name: string) => {
        const words = /^words (\d+) % alike$/.exec(name);
        if (words) return t("linkage.wordsAlike", { share: format.percent(Number(words[1]) / 100, 0) });
        return known("level", name.replaceAll(" ", "_").replaceAll(/[^a-z0-9_]/gi, ""));
      },
      rule: (key: string) => known("key", key.replaceAll(" ", "_").replaceAll(/[^a-z0-9_]/gi, "")),
      odds: (c: Compared) =>
        t(c.bits > 0 ? "linkage.oddsFor" : "linkage.oddsAgainst", {
          n: format.num(2 ** Math.abs(c.bits), Math.abs(c.bits) < 4 ? 1 : 0),
        }),
      verdict: (p: Pair) => {
        if (p.state === "linked") return t("linkage.verdict.linked");
        if (p.state === "rejected") return t("linkage.verdict.rejected");
        if (p.chance >= 0.99) return t("linkage.verdict.sure");
        if (p.chance >= 0.9) return t("linkage.verdict.likely");
        if (p.chance >= 0.5) return t("linkage.verdict.maybe");
        return t("linkage.verdict.doubtful");
      },
    };
  }, [t, i18n, format]);
}

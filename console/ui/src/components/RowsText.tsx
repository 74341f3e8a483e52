import { useTranslation } from "react-i18next";
import type { Rows } from "@/api/types";
import { useFormat } from "@/app/appearance";
import type { RowCondition } from "@/lib/rows";

const shown = 3; // values of a condition; the others are counted

/** What one condition on whom somebody may see says: "store: Pudong, Jingan". self is how the member is named. */
export function useRowWords(self: string): (c: RowCondition) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return (c) => {
    const values = c.me ? [self, ...c.values] : c.values;
    const more = values.length - shown;
    const said = more > 0 ? [...values.slice(0, shown), t("rows.more", { n: format.num(more) })] : values;
    return t("rows.condition", { trait: c.trait, values: format.either(said) });
  };
}

/** Whom somebody may see, in a line. */
export function RowsText({ rows, self }: { rows: Rows; self: string }) {
  const { t } = useTranslation();
  const words = useRowWords(self);
  if (!rows) return <span className="muted">{t("rows.everybody")}</span>;
  const text = rows.any.map(words).join(t("rows.or"));
  return <span title={text}>{text}</span>;
}

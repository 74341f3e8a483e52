import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import type { CatalogueEntry } from "@/api/types";
import { useFormat } from "@/app/appearance";

/** Why a field is taken for what it is: by hand, by its name, or by the values that were seen most clearly. */
export function useEvidence(): (entry: CatalogueEntry) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return useCallback(
    (entry) => {
      if (entry.class_by === "hand") return t("collect.catalogue.byHand");
      if (entry.class_by === "name") return t("collect.catalogue.byName");
      const best = [...entry.found]
        .filter((f) => f.class === entry.class)
        .sort((a, b) => b.matched - a.matched)[0];
      if (!best) return "";
      const share = format.percent(best.matched / Math.max(best.values, 1), 0);
      return best.event
        ? t("collect.catalogue.byValuesOf", { share, n: format.num(best.values), event: best.event })
        : t("collect.catalogue.byValues", { share, n: format.num(best.values) });
    },
    [t, format],
  );
}

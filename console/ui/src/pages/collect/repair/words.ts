import { useTranslation } from "react-i18next";
import { usePlanWords } from "@/pages/plans/words";
import { useReasonLabel } from "../useReasonLabel";
import type { Group, MendStep } from "./queries";

/** Reasons and rules in words. */
export function useRepairWords() {
  const { t } = useTranslation();
  const plan = usePlanWords();
  const label = useReasonLabel();
  return {
    /** What is wrong with the events of a group. */
    reason(g: Group): string {
      const { rule, path = "", want = "" } = g.params;
      switch (rule) {
        case "unplanned_event":
          return t("collect.repair.why.unplanned_event");
        case "unplanned_property":
          return t("collect.repair.why.unplanned_property", { path });
        case "missing":
          return t("collect.repair.why.missing", { path });
        case "type":
          return t("collect.repair.why.type", { path, want: plan.wanted(want) });
      }
      return label(g.code);
    },
    step(s: MendStep): string {
      const field = s.field;
      switch (s.do) {
        case "rename":
          return t("collect.repair.does.rename", { field, to: s.to ?? "" });
        case "cast":
          return t("collect.repair.does.cast", { field, to: plan.wanted(s.to ?? "") });
        case "split":
          return t("collect.repair.does.split", { field, by: s.by ?? "" });
        case "default":
          return t("collect.repair.does.default", { field });
        case "drop":
          return t("collect.repair.does.drop", { field });
        case "set":
          return t("collect.repair.does.set", { field, expression: s.expression ?? "" });
      }
    },
  };
}

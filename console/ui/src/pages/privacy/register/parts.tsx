import { useTranslation } from "react-i18next";
import { Pill } from "@/components/Pill";
import { classes } from "@/pages/collect/search";
import type { AssessmentRecord } from "./queries";

/** How a class of personal data is called; what people have written stays as it is. */
export function useClassLabel(): (name: string) => string {
  const { t } = useTranslation();
  return (name) => {
    const c = classes.find((k) => k === name);
    return c ? t(`collect.catalogue.classes.${c}`) : name;
  };
}

export function AssessmentState({ assessment: a }: { assessment: AssessmentRecord }) {
  const { t } = useTranslation();
  if (a.due) return <Pill tone="bad">{t("register.states.due")}</Pill>;
  const state = a.state ?? "draft";
  const tone = state === "approved" ? "good" : state === "in_review" ? "warn" : "plain";
  return <Pill tone={tone}>{t(`register.states.${state}`)}</Pill>;
}

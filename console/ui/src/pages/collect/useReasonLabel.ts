import { useTranslation } from "react-i18next";

/** A short name for a reason's code; codes that are new to this console are shown as they are. */
export function useReasonLabel(): (code: string) => string {
  const { t, i18n } = useTranslation();
  return (code) => {
    const key = `collect.reason.${code}`;
    return i18n.exists(key) ? (t as (k: string) => string)(key) : code.replaceAll("_", " ");
  };
}

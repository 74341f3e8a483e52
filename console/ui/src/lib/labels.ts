import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { PersonSummary } from "@/api/types";
import { thingOf } from "./identifiers";

/** Words for values that come from data: known ones are translated, others are shown as they are. */
export function useLabels() {
  const { t, i18n } = useTranslation();
  return useMemo(() => {
    const word = (prefix: "identifierKind" | "channel" | "eventName", key: string): string =>
      i18n.exists(`${prefix}.${key}`) ? (t as (k: string) => string)(`${prefix}.${key}`) : key;
    return {
      identifierKind: (kind: string) => word("identifierKind", kind),
      channel: (channel: string) => word("channel", channel),
      /** "$page" → "Page viewed"; a name that someone gave stays as it is. */
      event: (name: string) => (name.startsWith("$") ? word("eventName", name) : name),
      person: (p: Pick<PersonSummary, "id" | "name"> & Partial<Pick<PersonSummary, "identifiers">>) =>
        p.name ||
        thingOf(p.identifiers ?? [])?.value ||
        t("person.anonymous", { id: p.id.replace(/^p_/, "") }),
    };
  }, [t, i18n]);
}

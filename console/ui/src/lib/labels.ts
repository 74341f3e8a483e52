import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { PersonSummary } from "@/api/types";
import { useNames } from "./displayNames";
import { thingOf } from "./identifiers";

/**
 * Words for values that come from data: what somebody called them in the catalogue, known ones translated, others as
 * they are.
 */
export function useLabels() {
  const { t, i18n } = useTranslation();
  const names = useNames();
  return useMemo(() => {
    const word = (prefix: "identifierKind" | "channel" | "eventName", key: string): string =>
      i18n.exists(`${prefix}.${key}`) ? (t as (k: string) => string)(`${prefix}.${key}`) : key;
    return {
      identifierKind: (kind: string) => word("identifierKind", kind),
      channel: (channel: string) => word("channel", channel),
      /** "$page" → "Page viewed"; a name without a display name stays as it is. */
      event: (name: string) =>
        names.shown("event", name) ?? (name.startsWith("$") ? word("eventName", name) : name),
      property: (path: string) => names.shown("property", path) ?? path,
      trait: (name: string) => names.shown("trait", name) ?? name,
      person: (p: Pick<PersonSummary, "id" | "name"> & Partial<Pick<PersonSummary, "identifiers">>) =>
        p.name ||
        thingOf(p.identifiers ?? [])?.value ||
        t("person.anonymous", { id: p.id.replace(/^p_/, "") }),
    };
  }, [t, i18n, names]);
}

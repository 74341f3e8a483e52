import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { consentPolicyQuery } from "@/api/queries";
import type { ConsentPolicy } from "@/api/types";
import { useMay } from "@/app/session";

interface Text {
  zh: string;
  en: string;
}

/** The language of a policy's texts that is read here. */
export const langOf = (language: string): "zh" | "en" => (language.startsWith("zh") ? "zh" : "en");

export const titleOf = (text: Text, lang: string): string =>
  (lang === "zh" ? text.zh : text.en) || text.zh || text.en;

/** What purposes and channels are called: by their titles in the policy, by their keys where that may not be seen. */
export function namesOf(policy: ConsentPolicy | null | undefined, lang: string) {
  const title = (list: readonly { key: string; title: Text }[] | undefined, key: string) => {
    const found = list?.find((one) => one.key === key);
    return (found && titleOf(found.title, lang)) || key;
  };
  return (purpose: string, channel = ""): string =>
    channel
      ? `${title(policy?.purposes, purpose)} · ${title(policy?.channels, channel)}`
      : title(policy?.purposes, purpose);
}

/** The consent policy, where it may be seen, and what its purposes are called. */
export function usePurposes(): {
  policy: ConsentPolicy | null | undefined;
  nameOf: (purpose: string, channel?: string) => string;
} {
  const { i18n } = useTranslation();
  const may = useMay("consent:read");
  const policy = useQuery({ ...consentPolicyQuery, enabled: may }).data?.policy;
  const lang = langOf(i18n.language);
  return useMemo(() => ({ policy, nameOf: namesOf(policy, lang) }), [policy, lang]);
}

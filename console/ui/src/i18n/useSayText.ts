import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { components } from "@/api/schema";
import type { Lang } from "@/lib/format";
import { loadMessages, sayText, takeApart } from "./serverText";

/** Says a message that came inside of an answer in the reader's language; one that was kept as text by what it looks like. */
export function useSayText(): (text: components["schemas"]["Text"] | undefined, english: string) => string {
  const { i18n } = useTranslation();
  const messages = useQuery({
    queryKey: ["server-messages", i18n.language],
    queryFn: () => loadMessages(i18n.language as Lang),
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  return (text, english) => {
    const parts = messages && (text ?? takeApart(english, messages));
    return parts ? sayText(parts, messages) : english;
  };
}

import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { components } from "@/api/schema";
import type { Lang } from "@/lib/format";
import { loadMessages, sayText } from "./serverText";

/** Says a message that came inside of an answer in the reader's language; in English where it came as text alone. */
export function useSayText(): (text: components["schemas"]["Text"] | undefined, english: string) => string {
  const { i18n } = useTranslation();
  const messages = useQuery({
    queryKey: ["server-messages", i18n.language],
    queryFn: () => loadMessages(i18n.language as Lang),
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  return (text, english) => {
    return text && messages ? sayText(text, messages) : english;
  };
}

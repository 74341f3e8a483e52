import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

/** Says the reason of a guess in the reader's language; the server's words are English. */
export function useGuessReason(): (reason: string) => string {
  const { i18n } = useTranslation();
  const patterns = useQuery({
    queryKey: ["guess-reasons", i18n.language],
    queryFn: async () => (i18n.language === "en" ? [] : (await import("@/i18n/zh/reasons")).default),
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  return (reason) => {
    const found = patterns?.find(([pattern]) => pattern.test(reason));
    return found ? reason.replace(found[0], found[1]) : reason;
  };
}

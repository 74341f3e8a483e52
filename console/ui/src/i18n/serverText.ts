import type { components } from "@/api/schema";
import type { Lang } from "@/lib/format";
import type { Messages } from "./messages";

type Text = components["schemas"]["Text"];

/** The server's messages in a language; English needs none. Loaded when the first one is shown. */
export async function loadMessages(lang: Lang): Promise<Messages> {
  return lang === "en" ? {} : (await import("./zh/server")).default;
}

/** A message of the server in the language of messages; in English where they lack it. */
export function sayText(text: Text, messages: Messages): string {
  const params = (text.params ?? []).map((p) => (typeof p === "string" ? p : sayText(p, messages)));
  return (messages[text.template] ?? text.template).replace(
    /\{(\d+)\}/g,
    (all, n) => params[Number(n)] ?? all,
  );
}

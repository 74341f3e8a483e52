import type { components } from "@/api/schema";
import type { Lang } from "@/lib/format";

type Text = components["schemas"]["Text"];

/** What the server's messages are in another language, by their English templates. */
export type Messages = Readonly<Record<string, string>>;

/** The server's messages in a language; English needs none. Loaded when the first one is shown. */
export async function loadMessages(lang: Lang): Promise<Messages> {
  return lang === "en" ? {} : (await import("./zh/server")).default;
}

/**
 * Takes apart a message that was kept as English text, such as why a call failed last week, by the templates that are
 * known; undefined where none fits. Of several the one that leaves least to its places wins.
 */
export function takeApart(english: string, messages: Messages): Text | undefined {
  let best: { text: Text; literal: number } | undefined;
  for (const template of Object.keys(messages)) {
    const parts = template.split(/\{\d+\}/);
    const literal = parts.reduce((n, p) => n + p.length, 0);
    // A template of little more than places fits anything.
    if (literal < 12 || (best && literal <= best.literal) || !english.startsWith(parts[0] ?? "")) continue;
    const found = new RegExp(`^${parts.map(escaped).join("(.*?)")}$`, "s").exec(english);
    if (found) best = { literal, text: { template, params: found.slice(1) } };
  }
  if (best) return best.text;
  const hinted = /^(.*) \((.*)\)$/s.exec(english); // as an error with a hint is kept
  const [message, hint] = hinted ? hinted.slice(1).map((p) => takeApart(p, messages)) : [];
  return message && hint ? { template: "{0} ({1})", params: [message, hint] } : undefined;
}

const escaped = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A message of the server in the language of messages; in English where they lack it. */
export function sayText(text: Text, messages: Messages): string {
  const params = (text.params ?? []).map((p) => (typeof p === "string" ? p : sayText(p, messages)));
  return (messages[text.template] ?? text.template).replace(
    /\{(\d+)\}/g,
    (all, n) => params[Number(n)] ?? all,
  );
}

import { compact, str } from "@/lib/search";

/** The hold that is open; "new" is the form. */
export const holdsSearch = (raw: Record<string, unknown>): { hold?: string } =>
  compact({ hold: str(raw, "hold") });

/** The references of a list, one a line or between commas, each once. */
export const refsOf = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\n,，;；]+/)
      .map((s) => s.trim())
      .filter(Boolean),
  ),
];

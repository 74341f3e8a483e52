import type { QualityScore } from "@/api/types";
import type { Tone } from "@/components/Pill";

export type Part = keyof QualityScore["parts"];

/** In the order in which data goes wrong: it does not come, not in time, not whole, not right. */
export const parts = [
  "volume",
  "freshness",
  "completeness",
  "validity",
  "uniqueness",
  "schema",
] as const satisfies readonly Part[];

/** How good a share is, 0 to 1. */
export function tone(share: number): Tone {
  if (share >= 0.95) return "good";
  return share >= 0.8 ? "warn" : "bad";
}

import type { ConsentVerdict } from "@/api/types";
import type { Tone } from "@/components/Pill";

export const outcomeTones: Record<ConsentVerdict["outcome"], Tone> = {
  allowed: "good",
  non_personalised: "warn",
  refused: "bad",
};

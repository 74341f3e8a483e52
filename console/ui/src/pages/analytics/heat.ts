import { type Mode, palettes } from "@/app/theme";

/** How strong the gold may be under text: all of it on light ground, under half on dark, so that the text stays AA. */
const strongest: Record<Mode, number> = { light: 0.92, dark: 0.44 };

/** A cell's ground for a share between 0 and 1. */
export function heatColor(share: number, mode: Mode): string {
  const p = palettes[mode];
  const s = Math.min(1, Math.max(0, share)) ** 0.8 * strongest[mode];
  return mix(p.gold, p.surface, s);
}

export function mix(a: string, b: string, share: number): string {
  const part = (hex: string, i: number) => Number.parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return `#${[0, 1, 2]
    .map((i) =>
      Math.round(part(a, i) * share + part(b, i) * (1 - share))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

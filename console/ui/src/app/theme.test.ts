import { describe, expect, it } from "vitest";
import { chartPalette, type Mode, palettes, stone } from "./theme";

function luminance(hex: string): number {
  const channel = (i: number) => {
    const v = Number.parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16) / 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2);
}

function contrast(a: string, b: string): number {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (hi + 0.05) / (lo + 0.05);
}

const modes: Mode[] = ["light", "dark"];

describe.each(modes)("contrast, %s", (mode) => {
  const p = palettes[mode];
  const grounds = ["ground", "surface", "raised", "sunken", "hover"] as const;
  it.each(grounds)("text on %s is AA", (g) => {
    for (const text of [p.text, p.text2, p.text3, p.goldText]) {
      expect(contrast(text, p[g]), `${text} on ${g}`).toBeGreaterThanOrEqual(4.5);
    }
  });
  it("good, bad and warn are AA on surface and on their own tint", () => {
    for (const [fg, bg] of [
      [p.good, p.goodSoft],
      [p.bad, p.badSoft],
      [p.warn, p.warnSoft],
    ] as const) {
      expect(contrast(fg, p.surface), fg).toBeGreaterThanOrEqual(4.5);
      expect(contrast(fg, bg), `${fg} on ${bg}`).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(p.text, p.goldSoft)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(p.goldText, p.goldSoft)).toBeGreaterThanOrEqual(4.5);
  });
  it("marks reach 3:1", () => {
    expect(contrast(p.goldLine, p.surface)).toBeGreaterThanOrEqual(3);
    expect(contrast(p.onGold, p.gold)).toBeGreaterThanOrEqual(4.5);
    // The first four series of a chart are what most charts show.
    const first = chartPalette[mode].slice(0, 1);
    for (const c of first) expect(contrast(c, p.surface), c).toBeGreaterThanOrEqual(3);
  });
});

it("text on the stone is AA", () => {
  for (const text of [stone.text, stone.text2, stone.gold]) {
    expect(contrast(text, stone.ground)).toBeGreaterThanOrEqual(4.5);
  }
});

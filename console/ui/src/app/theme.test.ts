import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { antdThemeFor, avatarShades, chartPalette, type Mode, palettes, stone } from "./theme";

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
    expect(contrast(text, stone.well)).toBeGreaterThanOrEqual(4.5);
  }
  for (const shade of avatarShades) expect(contrast(stone.text, shade)).toBeGreaterThanOrEqual(4.5);
});

describe("one colour system", () => {
  const files: [string, string][] = [];
  const walk = (dir: string) => {
    for (const e of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, e.name);
      if (e.isDirectory()) walk(path);
      else if (/\.(css|tsx?)$/.test(e.name) && !/\.test\.|theme\.ts$/.test(e.name))
        files.push([path, readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")]);
    }
  };
  walk(new URL("..", import.meta.url).pathname);

  it("has all its colours in theme.ts", () => {
    const own = /#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})\b(?!;)|\b(?:rgba?|hsla?|oklch)\(/i;
    expect(files.filter(([, s]) => own.test(s.replace(/href="#[^"]*"/g, ""))).map(([p]) => p)).toEqual([]);
  });
  it("uses no variable that theme.ts does not set", () => {
    const kebab = (s: string) => s.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    const known = new Set([
      ...Object.keys(palettes.light).map(kebab),
      ...Object.keys(stone).map((k) => `stone-${kebab(k)}`),
      ...chartPalette.light.map((_, i) => `chart-${i}`),
      ...avatarShades.map((_, i) => `avatar-${i}`),
      ...["radius", "sans", "mono"],
    ]);
    const used = files.flatMap(([p, s]) =>
      [...s.matchAll(/var\(--ts-([a-z0-9-]+)\)/g)].map((m) => [p, m[1] as string]),
    );
    expect(used.filter(([, name]) => !known.has(name as string))).toEqual([]);
  });
  it("knows no blue of its own, and rows of 32 px", () => {
    for (const mode of modes) {
      const t = antdThemeFor(mode);
      for (const token of ["colorPrimary", "colorInfo", "colorLink"] as const)
        expect(Object.values(palettes[mode])).toContain(t.token?.[token]);
      expect(t.components?.Table?.cellPaddingBlockMD).toBe(4);
    }
  });
});

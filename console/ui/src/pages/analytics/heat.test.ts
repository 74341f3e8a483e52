import { expect, it } from "vitest";
import { palettes } from "@/app/theme";
import { heatColor } from "./heat";

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const v = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a: string, b: string) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
};

it.each(["light", "dark"] as const)("text on every shade of the %s scale is AA", (mode) => {
  for (let i = 0; i <= 20; i++)
    expect(contrast(palettes[mode].text, heatColor(i / 20, mode)), String(i / 20)).toBeGreaterThanOrEqual(
      4.5,
    );
});

it("goes from nothing to gold", () => {
  expect(heatColor(0, "light")).toBe(palettes.light.surface);
  expect(heatColor(2, "light")).toBe(heatColor(1, "light"));
  expect(luminance(heatColor(0.2, "light"))).toBeGreaterThan(luminance(heatColor(0.8, "light")));
});

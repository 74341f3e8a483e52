/** Round values for an axis from zero: three or four of them, the last at or above the largest value. */
export function niceTicks(max: number, wanted = 3): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 2.5, 5, 10].find((m) => m * power >= rough) ?? 10) * power);
  const whole = step < 10 ? Math.ceil(step) : step;
  return Array.from({ length: Math.ceil(max / whole) + 1 }, (_, i) => i * whole);
}

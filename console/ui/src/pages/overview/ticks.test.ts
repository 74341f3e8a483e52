import { expect, it } from "vitest";
import { niceTicks } from "./ticks";

it.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [3, [0, 1, 2, 3]],
  [4, [0, 2, 4]],
  [7, [0, 3, 6, 9]],
  [20_300, [0, 10_000, 20_000, 30_000]],
  [2363, [0, 1000, 2000, 3000]],
  [1_000_000_000, [0, 500_000_000, 1_000_000_000]],
])("ticks up to %d", (max, ticks) => {
  expect(niceTicks(max)).toEqual(ticks);
});

it("always reaches the largest value, in whole numbers", () => {
  for (let max = 1; max < 5000; max += 7) {
    const ticks = niceTicks(max);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    expect(ticks.length).toBeLessThanOrEqual(5);
    expect(ticks.every(Number.isInteger)).toBe(true);
  }
});

import { expect, it } from "vitest";
import { fitColumns } from "./columns";

const columns = [{ width: 200 }, { width: 400 }, { width: 100, align: "right" as const }, { width: 100 }];

it("leaves columns as they are while they fit, or when the room is not known", () => {
  expect(fitColumns(columns, 900)).toEqual([200, 400, 100, 100]);
  expect(fitColumns(columns, 800)).toEqual([200, 400, 100, 100]);
  expect(fitColumns(columns, 0)).toEqual([200, 400, 100, 100]);
});

it("lets texts give way, and figures not", () => {
  const fitted = fitColumns(columns, 700);
  expect(fitted.slice(2)).toEqual([100, 100]);
  expect(fitted.reduce((a, b) => a + b)).toBeLessThanOrEqual(700);
  expect(fitted.reduce((a, b) => a + b)).toBeGreaterThan(690);
});

it("keeps a least width: then the table scrolls", () => {
  expect(fitColumns(columns, 100)).toEqual([110, 220, 100, 100]);
  expect(fitColumns([{ align: "right" }, {}], 10)).toEqual([104, 110]);
});

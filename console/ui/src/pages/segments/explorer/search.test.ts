import { expect, it } from "vitest";
import { draftExplorerSearch, endOf, explorerSearch } from "./search";

it("keeps what it knows of a link, and leaves out the rest", () => {
  expect(
    explorerSearch({
      at: "2026-05-01",
      with: ["seg_a", 7],
      fields: ["city"],
      told: "only",
      step: "",
      meet: "0-2",
    }),
  ).toEqual({ at: "2026-05-01", with: ["seg_a"], fields: ["city"], told: "only", meet: "0-2" });
  expect(
    explorerSearch({ at: "yesterday", with: "seg_a", told: "all", meet: "0-x", interval: "week" }),
  ).toEqual({});
  expect(explorerSearch({ with: Array.from({ length: 30 }, (_, i) => `s${i}`) }).with).toHaveLength(9);
  expect(draftExplorerSearch({ rule: { trait: "city", op: "eq", value: "x" }, name: "n" })).toEqual({
    name: "n",
    rule: { trait: "city", op: "eq", value: "x" },
  });
});

it("takes a day to be its end in the organisation's zone, and today to be now", () => {
  const now = Date.parse("2026-05-10T12:00:00Z");
  expect(endOf("2026-05-01", "Asia/Shanghai", now)).toBe("2026-05-01T16:00:00.000Z");
  expect(endOf("2026-05-10", "Asia/Shanghai", now)).toBeUndefined();
  expect(endOf(undefined, "Asia/Shanghai", now)).toBeUndefined();
});

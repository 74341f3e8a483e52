import { expect, it } from "vitest";
import { mergeNewest } from "./useLive";

const key = (s: string) => s;

it("puts the newest first, drops repeats, keeps the limit", () => {
  expect(mergeNewest(["b", "a"], ["a", "b", "c", "d", "c"], key, 3)).toEqual(["d", "c", "b"]);
});

it("keeps the same list when nothing is new, so that nothing is drawn again", () => {
  const old = ["b", "a"];
  expect(mergeNewest(old, ["a", "b"], key, 3)).toBe(old);
});

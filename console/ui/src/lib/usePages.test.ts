import { expect, it } from "vitest";
import { goesOn } from "./usePages";

it.each([
  ["nothing came yet", [], 0, true],
  ["a full page is enough", [50], 0, false],
  ["few rows are not", [3, 0, 12], 0, true],
  ["nor when it takes too many answers", [3, 0, 12, 1, 0], 0, false],
  ["going on begins anew", [3, 0, 12, 1, 0], 5, true],
  ["and fills a page of its own", [50, 20, 30], 1, false],
])("%s", (_, pages, mark, expected) => {
  expect(goesOn(pages, mark)).toBe(expected);
});

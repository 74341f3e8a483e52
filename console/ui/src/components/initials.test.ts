import { expect, it } from "vitest";
import { initialsOf } from "./initials";

it.each([
  ["王小明", "明"],
  ["Ana Silva", "AS"],
  ["María José Fernández de la Vega y Castro", "MC"],
  ["Li Na 🚗", "LN"],
  ["🚗", ""],
  ["ana.silva", "AS"],
  ["", ""],
])("initials of %s", (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});

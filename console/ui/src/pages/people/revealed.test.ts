import { expect, it } from "vitest";
import type { Person } from "@/api/types";
import { type Revealed, unmasked } from "./revealed";

const person = {
  id: "p_1",
  identifiers: [
    { kind: "user_id", value: "u-zoe" },
    { kind: "phone", value: "138****8001" },
    { kind: "phone", value: "138****8001" },
    { kind: "email", value: "z***@example.com" },
  ],
  traits: { city: "上海", email: "z***@example.com" },
} as unknown as Person;
const revealed: Revealed = {
  id: "p_1",
  identifiers: [
    { kind: "email", value: "zoe.lee@example.com" },
    { kind: "phone", value: "13800138001" },
    { kind: "phone", value: "13855558001" },
  ],
  traits: { email: "zoe.lee@example.com" },
};
const values = (p: Person) => p.identifiers.map((i) => i.value);

it("puts what was revealed where it was masked, each value once", () => {
  const shown = unmasked(person, revealed);
  expect(values(shown)).toEqual(["u-zoe", "13800138001", "13855558001", "zoe.lee@example.com"]);
  expect(shown.traits).toEqual({ city: "上海", email: "zoe.lee@example.com" });
});

it("leaves masked what was not revealed, and every other person", () => {
  expect(values(unmasked(person, { ...revealed, identifiers: revealed.identifiers.slice(0, 1) }))).toEqual([
    "u-zoe",
    "138****8001",
    "138****8001",
    "zoe.lee@example.com",
  ]);
  expect(unmasked(person, { ...revealed, id: "p_2" })).toBe(person);
  expect(unmasked(person, undefined)).toBe(person);
});

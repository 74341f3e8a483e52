import { expect, test } from "vitest";
import type { CatalogueEntry } from "@/api/types";
import { choicesOf, isFound, namesOf, starredFirst } from "./displayNames";

const entry = (e: Partial<CatalogueEntry>): CatalogueEntry => ({
  sort: "event",
  name: "pay",
  name_zh: "",
  name_en: "",
  description: "",
  owner: "",
  unit: "",
  hidden: false,
  starred: false,
  class: "",
  class_by: "",
  class_by_hand: "",
  found: [],
  changed_by: "",
  changed_at: null,
  ...e,
});

test("a name is shown in the language of the console, else in the other one, and found by both", () => {
  const items = [
    entry({ name_zh: "支付", name_en: "Payment" }),
    entry({ name: "view", name_zh: "浏览" }),
    entry({ name: "raw" }),
  ];
  expect(namesOf(items, true).shown("event", "pay")).toBe("支付");
  expect(namesOf(items, false).shown("event", "pay")).toBe("Payment");
  expect(namesOf(items, false).shown("event", "view")).toBe("浏览");
  expect(namesOf(items, false).shown("event", "raw")).toBeUndefined();
  expect(namesOf(items, false).shown("property", "pay")).toBeUndefined();
  expect(namesOf(items, true).words("event", "pay")).toBe("pay 支付 Payment");
  expect(namesOf(items, true).words("event", "new")).toBe("new");
});

test("starred ones come first, and the order is kept otherwise", () => {
  const starred = new Set(["c", "d"]);
  const of = (name: string) => entry({ name, starred: starred.has(name) });
  expect(starredFirst(["a", "d", "b", "c"], of)).toEqual(["d", "c", "a", "b"]);
});

test("choices: starred first, hidden ones only where they are chosen, found by either name", () => {
  const names = namesOf(
    [
      entry({ name: "pay", name_zh: "支付", hidden: true }),
      entry({ name: "view", name_en: "Viewed", starred: true }),
      entry({ name: "old", hidden: true }),
    ],
    true,
  );
  const list = ["raw", "pay", "view", "old"];
  const choices = (chosen: string[]) =>
    choicesOf(
      names,
      "event",
      list,
      (x) => x,
      chosen,
      (x) => names.shown("event", x) ?? x,
    );
  expect(choices([]).map((c) => c.value)).toEqual(["view", "raw"]);
  expect(choices(["pay", "gone", ""]).map((c) => c.value)).toEqual(["view", "raw", "pay", "gone"]);
  const [view, raw, pay] = choices(["pay"]);
  expect([view?.raw, raw?.raw, pay?.label, pay?.raw]).toEqual(["view", "", "支付", "pay"]);
  expect(["支", "PAY", " pay "].map((text) => isFound(text, pay))).toEqual([true, true, true]);
  expect(isFound("view", pay)).toBe(false);
  expect(isFound("x", undefined)).toBe(false);
});

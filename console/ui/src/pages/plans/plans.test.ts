import { describe, expect, it } from "vitest";
import { differences } from "./diff";
import { hourly } from "./hours";
import type { PlanDocument } from "./queries";
import {
  addProperty,
  changeAt,
  countProperties,
  freeName,
  isAbout,
  removeProperty,
  renameProperty,
  rowsOf,
  type Schema,
  setKeywords,
  setRequired,
  setTypes,
} from "./schema";

const order: Schema = {
  required: ["amount"],
  additionalProperties: false,
  properties: {
    amount: { type: "number", minimum: 0 },
    items: {
      type: "array",
      items: { type: "object", required: ["sku"], properties: { sku: { type: "string" } } },
    },
  },
};
const sku = [{ prop: "items" }, "items", { prop: "sku" }] as const;

describe("an event's schema", () => {
  it("is read as lines, with what is inside of objects and lists", () => {
    expect(rowsOf(order).map((r) => [r.place, r.depth, r.required])).toEqual([
      ["amount", 0, true],
      ["items", 0, false],
      ["items → items", 1, false],
      ["items → items → sku", 2, true],
    ]);
    expect(countProperties(order)).toBe(3);
    expect(countProperties(null)).toBe(0);
  });
  it("is changed in one place, and the rest is as it was", () => {
    const next = setKeywords(order, sku, { pattern: "^[A-Z]+$", description: undefined });
    expect(rowsOf(next)[3]?.schema).toEqual({ type: "string", pattern: "^[A-Z]+$" });
    expect((next.properties as Schema).amount).toBe((order.properties as Schema).amount);
    expect(changeAt(order, [], (s) => s)).toBe(order);
  });
  it("loses with a type what only that type can keep to", () => {
    expect(rowsOf(setTypes(order, [{ prop: "amount" }], ["string"]))[0]?.schema).toEqual({ type: "string" });
    expect(rowsOf(setTypes(order, [{ prop: "amount" }], ["integer", "null"]))[0]?.schema).toEqual({
      type: ["integer", "null"],
      minimum: 0,
    });
    const list = setTypes(order, [{ prop: "amount" }], ["array"]);
    expect(rowsOf(list).map((r) => r.place)).toContain("amount → items");
  });
  it("keeps order and requirement when a property is renamed, and refuses a name that is taken", () => {
    const next = renameProperty(order, [{ prop: "amount" }], "total") as Schema;
    expect(Object.keys(next.properties as Schema)).toEqual(["total", "items"]);
    expect(next.required).toEqual(["total"]);
    expect(renameProperty(order, [{ prop: "amount" }], "items")).toBeUndefined();
    expect(renameProperty(order, [{ prop: "amount" }], "")).toBeUndefined();
  });
  it("requires nothing that is gone", () => {
    const next = removeProperty(order, sku);
    expect(rowsOf(next).map((r) => r.place)).toEqual(["amount", "items", "items → items"]);
    expect(rowsOf(next)[2]?.schema).not.toHaveProperty("required");
  });
  it("grows inside of lists", () => {
    const inner = addProperty(order, [{ prop: "items" }, "items"], "price");
    const next = setRequired(inner, [{ prop: "items" }, "items", { prop: "price" }], true);
    expect(rowsOf(next).at(-1)).toMatchObject({ place: "items → items → price", required: true, depth: 2 });
    expect(freeName(["property", "property_2"], "property")).toBe("property_3");
  });
});

const doc = (events: PlanDocument["events"]): PlanDocument => ({
  unplanned_events: "",
  unplanned_properties: "allow",
  missing: "allow",
  invalid: "allow",
  events,
});

describe("the difference of two documents", () => {
  it("is none of a document and itself, and none between nothing said and allow", () => {
    const d = doc([{ name: "Paid", schema: order }]);
    expect(differences(d, { ...d, unplanned_events: "allow" })).toEqual([]);
  });
  it("names events, properties at any depth, and what of them changed", () => {
    const before = doc([
      { name: "Paid", schema: order },
      { name: "Gone", schema: null },
    ]);
    let schema = setRequired(order, [{ prop: "amount" }], false);
    schema = setKeywords(schema, [{ prop: "amount" }], { minimum: 1 });
    schema = removeProperty(schema, sku);
    schema = addProperty(schema, [], "city");
    const after = {
      ...doc([
        { name: "Paid", display_name: "Order paid", schema },
        { name: "New", schema: null },
      ]),
      invalid: "coerce" as const,
    };
    expect(differences(before, after)).toEqual([
      { kind: "default", of: "invalid", from: "allow", to: "coerce" },
      { kind: "event_changed", event: "Paid", keys: ["display_name"] },
      { kind: "property_changed", event: "Paid", path: "amount", keys: ["required", "minimum"] },
      { kind: "property_added", event: "Paid", path: "city" },
      { kind: "property_removed", event: "Paid", path: "items[].sku" },
      { kind: "event_added", event: "New" },
      { kind: "event_removed", event: "Gone" },
    ]);
  });
});

it("fills the hours that nothing was told of", () => {
  const counts = [
    { hour: "2026-01-01T11:00:00Z", count: 3 },
    { hour: "2026-01-01T13:00:00Z", count: 1 },
    { hour: "2026-01-01T02:00:00Z", count: 9 },
  ];
  expect(hourly(counts, "2026-01-01T10:30:00Z", 4)).toEqual([0, 3, 0, 1, 0]);
});

it("finds the place that the server complains about", () => {
  expect(isAbout("Order Paid → amount: minLength is above maxLength.", "Order Paid")).toBe(true);
  expect(isAbout("Order Paid → amount：最小值大于最大值。", "Order Paid → amount")).toBe(true);
  expect(isAbout("Order Paid Twice → amount: a.", "Order Paid")).toBe(false);
});

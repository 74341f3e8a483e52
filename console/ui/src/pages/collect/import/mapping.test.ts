import { describe, expect, it } from "vitest";
import { ApiError, NetworkError } from "@/api/client";
import {
  addComputed,
  amountOf,
  computedOf,
  dropField,
  eventName,
  type Mapping,
  roleFrom,
  roleOf,
  setFormat,
  setRole,
  setTime,
  setType,
  timeOf,
} from "./mapping";
import { headOf, nextPartSize, offsetAfter } from "./upload";

const retail: Mapping = {
  format: "csv",
  event: "Product Purchased",
  time: { column: "InvoiceDate", layout: "2006-01-02 15:04:05", zone: "Europe/London" },
  identifiers: { user_id: { column: "CustomerID", prefix: "r-" }, anonymous_id: "InvoiceNo" },
  properties: {
    sku: "StockCode",
    quantity: { column: "Quantity", type: "number" },
    amount: { type: "number", multiply: ["Quantity", "UnitPrice"] },
  },
  message_id: ["InvoiceNo", "$row"],
};

describe("the mapping's form", () => {
  it("reads what each column is", () => {
    expect(roleOf(retail, "InvoiceDate")).toEqual({ is: "time" });
    expect(roleOf(retail, "CustomerID")).toEqual({ is: "identifier", kind: "user_id" });
    expect(roleOf(retail, "Quantity")).toEqual({
      is: "field",
      part: "properties",
      name: "quantity",
      type: "number",
    });
    expect(roleOf(retail, "UnitPrice")).toEqual({ is: "none" });
    expect(roleOf(retail, "InvoiceNo")).toEqual({ is: "identifier", kind: "anonymous_id" });
  });
  it("changes a field in its place", () => {
    const m = setRole(retail, "StockCode", { is: "field", part: "properties", name: "code", type: "number" });
    expect(Object.entries(m.properties as object)[0]).toEqual([
      "code",
      { column: "StockCode", type: "number" },
    ]);
    expect(Object.keys(m.properties as object)).toEqual(["code", "quantity", "amount"]);
  });
  it("moves a column from one role to another, and leaves nothing behind", () => {
    let m = setRole(retail, "CustomerID", { is: "none" });
    expect(m.identifiers).toEqual({ anonymous_id: "InvoiceNo" });
    m = setRole(m, "StockCode", { is: "identifier", kind: "email" });
    expect(m.identifiers).toEqual({ anonymous_id: "InvoiceNo", email: "StockCode" });
    expect(m.properties).not.toHaveProperty("sku");
    m = setRole(setRole(m, "InvoiceNo", { is: "none" }), "StockCode", { is: "none" });
    expect(m).not.toHaveProperty("identifiers");
    expect(m).not.toHaveProperty("message_id");
  });
  it("keeps the zone when another column is the time, and forgets the layout", () => {
    expect(timeOf(setRole(retail, "When", { is: "time" }))).toEqual({
      column: "When",
      zone: "Europe/London",
    });
    expect(setTime(retail, { layout: "" }).time).toEqual({ column: "InvoiceDate", zone: "Europe/London" });
  });
  it("turns events into people and back", () => {
    const people = setType(retail, "identify", "E");
    expect(people).not.toHaveProperty("event");
    expect(people).not.toHaveProperty("properties");
    expect(Object.keys(people.traits as object)).toEqual(["sku", "quantity", "amount"]);
    expect(eventName(setType(people, "track", "E"))).toBe("E");
  });
  it("has products and constants", () => {
    expect(computedOf(retail)).toEqual([{ name: "amount", multiply: ["Quantity", "UnitPrice"] }]);
    const m = addComputed(retail, { name: "currency", constant: "GBP" });
    expect(computedOf(m)).toHaveLength(2);
    expect(computedOf(dropField(m, "amount"))).toEqual([{ name: "currency", constant: "GBP" }]);
    expect(amountOf(retail)).toBe("amount");
  });
  it("escapes the dots of a header and says how the file is written first", () => {
    expect(roleFrom("properties", "page.url", { is: "none" }, "text")).toMatchObject({ name: "page\\.url" });
    expect(Object.keys(setFormat(retail, "decimal", ","))[0]).toBe("decimal");
    expect(setFormat(retail, "format", undefined)).not.toHaveProperty("format");
  });
});

describe("an upload", () => {
  it("takes parts that suit the line", () => {
    expect(nextPartSize(1 << 20, 0.1)).toBe(2 << 20);
    expect(nextPartSize(4 << 20, 0.1)).toBe(4 << 20);
    expect(nextPartSize(1 << 20, 60)).toBe(128 << 10);
  });
  it("waits for a server that comes back, asks after a conflict, and gives up on a refusal", () => {
    expect(offsetAfter(new NetworkError("x"))).toBe("wait");
    expect(offsetAfter(new ApiError(503, "", "", ""))).toBe("wait");
    expect(offsetAfter(new ApiError(409, "", "", ""))).toBe("ask");
    expect(offsetAfter(new ApiError(413, "", "", ""))).toBe("fail");
  });
  it("knows a file again, and a changed one apart", async () => {
    const file = (text: string, at = 1) => new File([text], "a.csv", { lastModified: at });
    expect(await headOf(file("a,b"))).toBe(await headOf(file("a,b")));
    expect(await headOf(file("a,b"))).not.toBe(await headOf(file("a,c")));
    expect(await headOf(file("a,b"))).not.toBe(await headOf(file("a,b", 2)));
  });
});

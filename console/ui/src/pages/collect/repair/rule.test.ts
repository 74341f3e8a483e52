import { describe, expect, test } from "vitest";
import { around, changeKind, complete, diffLines, readByEdge } from "./rule";

describe("steps", () => {
  test("are complete when the server can read them", () => {
    expect(complete({ do: "drop", field: "properties.a" })).toBe(true);
    expect(complete({ do: "drop", field: " " })).toBe(false);
    expect(complete({ do: "rename", field: "properties.a" })).toBe(false);
    expect(complete({ do: "default", field: "properties.a", value: 0 })).toBe(true);
    expect(complete({ do: "set", field: "properties.a", expression: "" })).toBe(false);
  });
  test("of another kind keep their field only", () => {
    expect(changeKind({ do: "rename", field: "properties.a", to: "properties.b" }, "drop")).toEqual({
      do: "drop",
      field: "properties.a",
    });
  });
  test("on what the edge reads cannot hold", () => {
    const rule = (field: string, to?: string) => ({
      name: "r",
      steps: [{ do: "rename" as const, field, ...(to ? { to } : {}) }],
    });
    expect(readByEdge(rule("event", "Order Paid"))).toBeUndefined();
    expect(readByEdge(rule("properties.uid", "userId"))).toBe("userId");
    expect(readByEdge(rule("timestamp"))).toBe("timestamp");
  });
});

describe("what is different", () => {
  const text = (a: string, b: string) =>
    diffLines(a, b)
      .map((l) => l.sign + l.text)
      .join("|");
  test("keeps what is equal in its order", () => {
    expect(text("a\nb\nc", "a\nx\nc")).toBe(" a|-b|+x| c");
    expect(text("a\nb", "a\nb")).toBe(" a| b");
    expect(text("", "a")).toBe("-|+a");
    expect(text("a\nb\nc\nd", "b\nd\ne")).toBe("-a| b|-c| d|+e");
  });
  test("is shown with its neighbours", () => {
    const lines = diffLines("1\n2\n3\n4\n5\n6\n7\n8", "1\n2\n3\n4\n5\n6\n7\nx");
    expect(around(lines, 1).map((l) => (l ? l.sign + l.text : "…"))).toEqual([" 7", "-8", "+x"]);
  });
});

import { describe, expect, it } from "vitest";
import { isWhole, ruleOf } from "./rows";

describe("whom a member may see", () => {
  const store = { trait: "store", values: ["Pudong"], me: false };

  it("is counted as a segment would be", () => {
    expect(ruleOf({ any: [store] }, "")).toEqual({ trait: "store", op: "in", value: ["Pudong"] });
    expect(ruleOf({ any: [store, { trait: " owner ", values: [], me: true }] }, "lea@example.com")).toEqual({
      or: [
        { trait: "store", op: "in", value: ["Pudong"] },
        { trait: "owner", op: "in", value: ["lea@example.com"] },
      ],
    });
  });

  it("is not counted before every condition says whom it means", () => {
    expect(ruleOf(null, "")).toBeNull();
    expect(ruleOf({ any: [] }, "")).toBeNull();
    expect(ruleOf({ any: [store, { trait: "", values: ["x"], me: false }] }, "")).toBeNull();
    expect(isWhole({ trait: "owner", values: [], me: false })).toBe(false);
    expect(isWhole({ trait: "owner", values: [], me: true })).toBe(true);
  });
});

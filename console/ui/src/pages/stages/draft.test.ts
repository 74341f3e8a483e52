import { describe, expect, it } from "vitest";
import { asGroup } from "@/lib/rule";
import { complete, definitionOf, draftOf, keyOf, newLost } from "./draft";

const rule = (event: string) => asGroup({ event });

describe("a life cycle's draft", () => {
  it("is complete when each stage has a key, a name and a rule", () => {
    const draft = draftOf();
    expect(complete(draft)).toBe(false);
    draft.name = "Purchase";
    draft.key = "purchase";
    draft.stages = [
      { id: 0, key: "looked", name: "Looked ", rule: rule("Viewed"), falls: false },
      { id: 1, key: "bought", name: "Bought", rule: rule("Paid"), falls: true },
    ];
    expect(complete(draft)).toBe(true);
    expect(definitionOf(draft)).toEqual({
      stages: [
        { key: "looked", name: "Looked", rule: rule("Viewed") },
        { key: "bought", name: "Bought", rule: rule("Paid"), falls: true },
      ],
    });
    draft.lost = { ...newLost(), name: "Lost", rule: rule("Left"), from: "gone" };
    expect(definitionOf(draft)?.lost).toEqual({ key: "lost", name: "Lost", rule: rule("Left") });
    draft.lost.key = "bought";
    expect(complete(draft)).toBe(false);
  });
  it("proposes keys of names", () => {
    expect(["Test drive!", "2nd order", "试驾", " VIP "].map(keyOf)).toEqual([
      "test_drive",
      "nd_order",
      "",
      "vip",
    ]);
  });
});

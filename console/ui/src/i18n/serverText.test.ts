import { expect, it } from "vitest";
import { sayText } from "./serverText";

it("says messages within messages", () => {
  const text = {
    template: "{0}: {1}",
    params: ["steps.1", { template: "has {0} of {1}", params: ["3", "{0}"] }],
  };
  expect(sayText(text, {})).toBe("steps.1: has 3 of {0}");
  expect(sayText(text, { "has {0} of {1}": "{1} 中有 {0}" })).toBe("steps.1: {0} 中有 3");
});

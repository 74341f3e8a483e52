import { expect, it } from "vitest";
import { strongestFirst } from "./identifiers";

it("puts what a person gave before what a browser made up, and kinds of one's own between", () => {
  const kinds = ["anonymous_id", "loyalty_card", "device_id", "email", "user_id"].map((kind) => ({ kind }));
  expect(strongestFirst(kinds).map((i) => i.kind)).toEqual([
    "user_id",
    "email",
    "loyalty_card",
    "device_id",
    "anonymous_id",
  ]);
});

import { expect, it } from "vitest";
import { identifiersOf, strongestFirst } from "./identifiers";

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

it("says who an event is of, also when it names no user or was refused", () => {
  const openid = { kind: "openid", value: "o1" };
  const device = { kind: "device_id", value: "d1" };
  expect(identifiersOf({ identifiers: [device, openid], user_id: "", anonymous_id: "" })).toEqual([
    openid,
    device,
  ]);
  expect(identifiersOf({ identifiers: [], user_id: "", anonymous_id: "a1" })).toEqual([
    { kind: "anonymous_id", value: "a1" },
  ]);
});

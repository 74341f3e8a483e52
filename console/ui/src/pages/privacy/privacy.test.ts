import { expect, it } from "vitest";
import { peopleOf, requestsSearch } from "./search";

it("reads a list of people, a person a line", () => {
  expect(peopleOf("")).toEqual([]);
  expect(peopleOf(" email:ann@example.com \r\n\n phone:139 , user_id:bob\n")).toEqual([
    ["email:ann@example.com"],
    ["phone:139", "user_id:bob"],
  ]);
  expect(peopleOf("user_id:bob;phone:139\nphone:139,user_id:bob")).toEqual([["user_id:bob", "phone:139"]]);
});

it("reads the address leniently", () => {
  expect(
    requestsSearch({ tab: "x", state: "done", ask: "1", open: 7, reason: "unlawful", late: "1", q: "ann" }),
  ).toEqual({
    state: "done",
    reason: "unlawful",
    late: true,
    q: "ann",
    ask: true,
    open: "7",
  });
});

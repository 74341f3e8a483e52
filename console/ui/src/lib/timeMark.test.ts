import { expect, it } from "vitest";
import { timeMarkOf } from "./timeMark";

it("reads the mark of an event whose time was not believed", () => {
  const mark = { time_source: "sentAt", time_problem: "in_future", time_given: "2036-01-01" };
  expect(timeMarkOf({ ip: "1.2.3.4", ...mark })).toEqual({
    source: "sentAt",
    problem: "in_future",
    given: "2036-01-01",
  });
  for (const c of [
    null,
    undefined,
    {},
    { time_source: "sentAt" },
    { ...mark, time_source: "ntp" },
    { ...mark, time_problem: 5 },
  ])
    expect(timeMarkOf(c)).toBeNull();
});

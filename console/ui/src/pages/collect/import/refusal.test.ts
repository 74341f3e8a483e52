import { expect, test } from "vitest";
import { refusalOf } from "./refusal";

test("why a link is not made is taken apart", () => {
  expect(refusalOf("limit of 1 user_id")).toEqual({ why: "limit", limit: 1, kind: "user_id", days: 0 });
  expect(refusalOf("limit of 3 device_id in 30 days")).toEqual({
    why: "window",
    limit: 3,
    kind: "device_id",
    days: 30,
  });
  expect(refusalOf("limit of 2000 identifiers").why).toBe("size");
  expect(refusalOf("parted by an operator").why).toBe("parted");
  expect(refusalOf("something new").why).toBe("other");
});

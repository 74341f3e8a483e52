import { expect, it } from "vitest";
import { peopleSearch, personFilter } from "./search";

const now = Date.parse("2026-01-31T16:30:00Z"); // 1 February in Shanghai

it("asks the server for what the address says, and for nothing else", () => {
  const search = peopleSearch({
    q: "138",
    who: "visitor",
    channel: "app",
    kind: "",
    active: "7d",
    page: "2",
  });
  expect(personFilter(search, "Asia/Shanghai", now)).toEqual({
    q: "138",
    known: false,
    channel: "app",
    seen_after: "2026-01-25T16:00:00.000Z",
  });
  expect(personFilter({ who: "known" }, "UTC", now)).toEqual({ known: true });
  expect(personFilter(peopleSearch({ who: "all", active: "9d" }), "UTC", now)).toEqual({});
});

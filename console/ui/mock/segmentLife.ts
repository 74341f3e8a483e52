import type { components } from "../src/api/schema";
import { ago } from "./server.ts";

type S = components["schemas"];

/** The versions of a segment: those it had, and a draft of a guarded one. */
export function versionsOf(s: S["Segment"]): S["SegmentVersion"][] {
  const version = (
    n: number,
    rule: unknown,
    more: Partial<S["SegmentVersion"]> = {},
  ): S["SegmentVersion"] => ({
    version: n,
    rule,
    note: "",
    author: "usr_1",
    author_name: "ana@example.com",
    written_at: ago(40 - n * 9),
    approver: "",
    approver_name: "",
    held_at: ago(40 - n * 9),
    ...more,
  });
  const list = [version(1, s.rule)];
  if (s.version > 1) {
    list[0] = version(1, { trait: "city", op: "eq", value: "上海" });
    list.unshift(
      version(2, s.rule, { note: "只看近 30 天", approver: "usr_2", approver_name: "bo@example.com" }),
    );
  }
  if (s.draft)
    list.unshift(
      version(
        s.draft,
        {
          and: [
            { trait: "city", op: "eq", value: "上海" },
            { event: "Model Viewed", count: { op: "gte", value: 3 }, within: "14d" },
          ],
        },
        { note: "五一活动", held_at: null },
      ),
    );
  return list;
}

export const differences: S["SegmentDifferenceList"] = {
  items: [
    { path: "and.1.count.value", old: 2, new: 3 },
    { path: "and.1.within", old: "30d", new: "14d" },
  ],
  next_cursor: "",
};

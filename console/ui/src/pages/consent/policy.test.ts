import { expect, test } from "vitest";
import { type Draft, differences, draftOf } from "./policy";

const usual = (): Draft => ({
  ...draftOf(null),
  purposes: ["service", "analytics", "guardian"].map((key) => ({
    key,
    basis: "opt_out",
    class: "",
    channels: [],
    title: { zh: key, en: key },
    text: { zh: key, en: key },
    wording: 1,
  })),
});

test("a new text is a difference, in its language", () => {
  const before = usual();
  const after = structuredClone(before);
  const analytics = after.purposes[1];
  if (!analytics) throw new Error("there is analytics");
  analytics.text.en = "We count.";
  analytics.basis = "opt_in";
  after.purposes.pop();
  expect(differences(before, after)).toEqual([
    { purpose: "analytics", field: "text", lang: "en", from: "analytics", to: "We count." },
    { purpose: "analytics", field: "basis", from: "opt_out", to: "opt_in" },
    { purpose: "guardian", field: "removed", from: "", to: "" },
  ]);
});

test("the first policy adds all of its purposes", () => {
  expect(differences(draftOf(null), usual()).map((d) => d.field)).toEqual(["added", "added", "added"]);
});

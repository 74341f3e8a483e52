import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settings as en } from "@/i18n/en/settings";
import { settings as zh } from "@/i18n/zh/settings";
import { actionChoices, auditFilter, detailLines, placeOf, thingOf } from "./auditWords";

/** The server's code, wherever a feature's routes are. */
function* goFiles(folder: URL): Generator<string> {
  for (const f of readdirSync(folder, { withFileTypes: true })) {
    if (f.isDirectory() && !/^(\.|ui$|node_modules$|testdata$|sdk$)/.test(f.name))
      yield* goFiles(new URL(`${f.name}/`, folder));
    else if (/(?<!_test)\.go$/.test(f.name)) yield readFileSync(new URL(f.name, folder), "utf8");
  }
}

it("has words in both languages for every action that the server writes", () => {
  const found = [...goFiles(new URL("../../../../../", import.meta.url))].flatMap((text) => [
    ...text.matchAll(/\bAction: +"([a-z_.]+)"/g),
  ]);
  const actions = [...new Set(found.map((m) => m[1] as string))];
  expect(actions.length).toBeGreaterThan(15);
  for (const [lang, words] of Object.entries({ en, zh })) {
    const known = words.audit.actions as Record<string, string>;
    expect(
      actions.filter((a) => !known[a.replaceAll(".", "_")]),
      lang,
    ).toEqual([]);
    const things = words.audit.things as Record<string, string>;
    expect(
      actionChoices(actions)
        .filter((a) => a.endsWith(".*"))
        .filter((a) => !things[thingOf(a)]),
      lang,
    ).toEqual([]);
  }
});

it("offers all of a thing where there is more than one action on it", () => {
  expect(actionChoices(["source.update", "setup", "source.create", "import.create"])).toEqual([
    "import.create",
    "setup",
    "source.*",
    "source.create",
    "source.update",
  ]);
});

it("leads to what is still there only", () => {
  const there = (id: string) => id === "seg_1" || id === "imp_1";
  expect(placeOf({ action: "segment.update", target: "seg_1" }, there)).toEqual({
    to: "/segments/$id",
    params: { id: "seg_1" },
  });
  expect(placeOf({ action: "import.create", target: "imp_1" }, there)).toMatchObject({
    search: { open: "imp_1" },
  });
  expect(placeOf({ action: "segment.delete", target: "seg_2" }, there)).toBeNull();
  expect(placeOf({ action: "session.create", target: "usr_1" }, () => true)).toBeNull();
  expect(placeOf({ action: "settings.update", target: "" }, there)).toMatchObject({ to: "/settings" });
});

it("reads a change line by line", () => {
  expect(detailLines({ organisation: { currency: "EUR" } })).toEqual([{ key: "currency", value: "EUR" }]);
  expect(detailLines({ name: "x", rule: { and: [] } })).toEqual([
    { key: "name", value: "x" },
    { key: "rule", value: { and: [] } },
  ]);
});

it("asks the server for what the address says", () => {
  const now = Date.parse("2026-01-31T16:30:00Z"); // 1 February in Shanghai
  expect(auditFilter({ tab: "audit", action: "segment.*", within: "7d" }, "Asia/Shanghai", now)).toEqual({
    action: "segment.*",
    from: "2026-01-25T16:00:00.000Z",
  });
});

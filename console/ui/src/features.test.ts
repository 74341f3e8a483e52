import { readdirSync, readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import type { Permission, Session } from "@/api/types";
import { closedTo, type Feature, homeOf, navigationOf, neededFor } from "@/app/feature";
import { en } from "@/i18n/en";
import { common } from "@/i18n/en/common";
import { zh } from "@/i18n/zh";
import { features, routes } from "./features";

// The shell wants a browser; the list of its parts does not.
vi.mock("@/app/Shell", () => ({ Shell: () => null }));

const listed: readonly Feature[] = features;
const session = (...permissions: Permission[]) =>
  ({ permissions, closed: [], rows: null }) as unknown as Session;

it("lists every feature that there is, and all of its routes", () => {
  const folder = new URL("./pages/", import.meta.url);
  const found = readdirSync(folder).filter((name) =>
    readdirSync(new URL(`${name}/`, folder)).includes("feature.ts"),
  );
  expect(features.map((f) => f.name as string).sort()).toEqual(found.sort());
  expect([...routes]).toEqual(features.flatMap((f) => [...f.routes]));
});

it("gives each place a letter of its own, a name in both languages, and a permission that the server knows", () => {
  const items = features.flatMap((f) => [...f.nav]);
  expect(new Set(items.map((n) => n.letter)).size).toBe(items.length);
  const table = readFileSync(new URL("../../../access/roles.go", import.meta.url), "utf8");
  const needed = [
    ...items.map((n) => n.needs),
    ...listed.flatMap((f) => Object.values<string>(f.guards ?? {})),
  ];
  for (const p of needed) expect(table, p).toContain(` ${p} `);
  for (const f of listed) {
    const keys = f.nav.map((n) => n.key as string).sort();
    for (const texts of [en, zh] as unknown as Record<string, { nav: object }>[])
      expect(Object.keys(texts[f.name]?.nav ?? {}).sort(), f.name).toEqual(keys);
  }
});

it("knows of every part of the texts which feature brings it", () => {
  const brought = listed.flatMap((f) => [f.name, ...(f.texts ?? [])]);
  // The sign-in stands before all features.
  const parts = Object.keys(en).filter((part) => !(part in common) && part !== "auth");
  expect(brought.sort()).toEqual(parts.sort());
});

it("has words in both languages for every permission, role and scope that the server knows", () => {
  const tables = readFileSync(new URL("../../../access/roles.go", import.meta.url), "utf8");
  const names = [...new Set([...tables.matchAll(/^ (\w+):(\w+) +[x.]/gm)].map((m) => `${m[1]}_${m[2]}`))];
  expect(names.length).toBeGreaterThan(30);
  const [roles, scopes] = [...tables.matchAll(/^const \w+Table = `\n(.*)\n/gm)].map((m) =>
    (m[1] ?? "").trim().split(/ +/).sort(),
  );
  for (const { settings } of [en, zh]) {
    expect(Object.keys(settings.permissions.of).sort()).toEqual([...names].sort());
    expect(Object.keys(settings.role).sort()).toEqual(roles);
    expect(Object.keys(settings.roleHint).sort()).toEqual(roles);
    expect(Object.keys(settings.scope).sort()).toEqual(scopes);
  }
});

it("shows in the navigation what the caller may open, and no empty group", () => {
  const consultant = navigationOf(features, session("people:read", "segments:read", "settings:read"));
  expect(consultant.flatMap((g) => g.items.map((n) => n.key))).toEqual(["people", "segments", "settings"]);
  expect(navigationOf(features, session())).toEqual([]);
  expect(navigationOf(features, undefined)).toEqual([]);
});

it("knows what a page needs, however deep it lies", () => {
  for (const [path, needs] of Object.entries({
    "/": "stats:read",
    "/people": "people:read",
    "/people/p_1": "people:read",
    "/people/rules": "identity:read",
    "/segments/new": "segments:write",
    "/segments/seg_1": "segments:read",
    "/segments/seg_1/edit": "segments:write",
    "/collect/imports": "imports:read",
    "/collect/imports/new": "imports:write",
    "/nowhere": undefined,
  }))
    expect(neededFor(features, path), path).toBe(needs);
});

it("keeps pages about everybody from who is limited to some people, and their places", () => {
  const all = session("people:read", "households:read", "stats:read", "identity:read");
  const limited = {
    ...all,
    closed: ["stats:read"],
    rows: { any: [{ trait: "store", values: ["Pudong"], me: false }] },
  } as Session;
  const places = (s: Session) => navigationOf(listed, s).flatMap((g) => g.items.map((i) => i.to));
  expect(places(all)).toEqual(
    expect.arrayContaining(["/", "/people", "/households", "/linkage", "/processes"]),
  );
  expect(places(limited)).toEqual(["/people"]);
  for (const [path, closed] of [
    ["/", true], // its permission opens nothing
    ["/processes", true],
    ["/people", false],
    ["/people/p_1", false],
    ["/people/rules", true], // said by the feature
    ["/households", true],
    ["/households/", true],
    ["/households/h_1", false],
  ] as const) {
    expect(closedTo(listed, limited, path), path).toBe(closed);
    expect(closedTo(listed, all, path), path).toBe(false);
  }
  expect(homeOf(listed, all)).toBe("/");
  expect(homeOf(listed, limited)).toBe("/people");
  expect(homeOf(listed, session("catalogue:read"))).toBe("/collect/catalogue");
  // What a feature says is a page that there is.
  const pages = routes.map((r) => `/${(r.options as { path?: string }).path ?? ""}`.replaceAll("//", "/"));
  for (const f of listed) for (const place of f.everybody ?? []) expect(pages, place).toContain(place);
});

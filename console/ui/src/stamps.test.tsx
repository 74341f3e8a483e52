/**
 * A fictional feature that fills the page slot of docs/design/features.md, a café's stamp cards: its side of the server is
 * app/stamps_test.go. Read the first half as a template (of pages/stamps/), the second shows it at work in the whole console.
 */
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRoute, RouterProvider } from "@tanstack/react-router";
import { Button } from "antd";
import i18next from "i18next";
import { Stamp } from "lucide-react";
import { renderToString } from "react-dom/server";
import { useTranslation } from "react-i18next";
import { beforeAll, expect, it, vi } from "vitest";
import { queryClient, sessionQuery } from "@/api/queries";
import type { Permission, Session } from "@/api/types";
import { Appearance } from "@/app/appearance";
import { feature, navigationOf } from "@/app/feature";
import { makeRouter } from "@/app/makeRouter";
import { shellRoute } from "@/app/shellRoute";
import { PageHeader } from "@/components/PageHeader";
import { features, routes } from "@/features";
import { startI18n } from "@/i18n";
import { en } from "@/i18n/en";
import { zh } from "@/i18n/zh";
import type { Lang } from "@/lib/format";

// pages/stamps/feature.ts, routes.tsx and StampsPage.tsx
const route = (path: string) =>
  createRoute({ getParentRoute: () => shellRoute, path, component: StampsPage });
const stamps = feature({
  name: "stamps",
  group: "act",
  nav: [{ key: "stamps", letter: "5", to: "/stamps", icon: Stamp, needs: "people:read" }],
  routes: [route("/stamps"), route("/stamps/$card/void")],
  guards: { "/stamps/$/void": "people:erase" },
  texts: ["punches" as never], // a name outside of this test is one of the texts
});

// i18n/en/stamps.ts and i18n/zh/stamps.ts
const texts = {
  en: {
    stamps: { nav: { stamps: "Stamp cards" }, title: "Stamp cards", about: "Three stamps, one coffee." },
    punches: { add: "Add stamp" },
  },
  "zh-CN": {
    stamps: { nav: { stamps: "集点卡" }, title: "集点卡", about: "集满三个点，送一杯咖啡。" },
    punches: { add: "盖章" },
  },
};

function StampsPage() {
  const { t } = useTranslation();
  const say = (key: string) => t(key as "action.save"); // typed by itself outside of this test
  return (
    <div className="page">
      <PageHeader title={say("stamps.title")} about={say("stamps.about")} />
      <Button type="primary">{say("punches.add")}</Button>
    </div>
  );
}

// At work.
vi.mock("@/app/arrival", () => ({ arrivedSearch: "", arrivedPath: "/" })); // where a browser came from

beforeAll(async () => {
  const i18n = await startI18n("en", async () => ({ ...en, ...texts.en }));
  i18n.addResourceBundle("zh-CN", "translation", { ...zh, ...texts["zh-CN"] });
});

/** The whole console with the feature on its list, at a path, as it is for somebody with these permissions. */
async function open(path: string, lang: Lang, ...permissions: Permission[]): Promise<string> {
  await i18next.changeLanguage(lang);
  const session = { dev: true, organisation: { name: "Café" }, permissions, closed: [], rows: null };
  queryClient.setQueryData(sessionQuery.queryKey, session as unknown as Session);
  const history = createMemoryHistory({ initialEntries: [path] });
  const router = makeRouter([...features, stamps], [...routes, ...stamps.routes], history);
  await router.load();
  return renderToString(
    <QueryClientProvider client={queryClient}>
      <Appearance timeZone="UTC">
        <RouterProvider router={router as never} />
      </Appearance>
    </QueryClientProvider>,
  );
}

/** The places of the navigation, the one where one is in brackets. */
const places = (html: string) =>
  [...html.matchAll(/<a class="nav-item[^>]*>/g)].map(([tag]) => {
    const name = /aria-label="([^"]*)"/.exec(tag)?.[1];
    return tag.includes('aria-current="page"') ? `[${name}]` : name;
  });
const heading = (html: string) => /<main.*?<h[13]>(.*?)<\/h/s.exec(html)?.[1];

it("shows its place, page and texts to whoever has the permission, in both languages", async () => {
  const english = await open("/stamps", "en", "people:read");
  expect(places(english)).toEqual(["People", "[Stamp cards]"]);
  expect(heading(english)).toBe("Stamp cards");
  expect(english).toContain("Add stamp");
  const chinese = await open("/stamps", "zh-CN", "people:read", "webhooks:read");
  // Places of one group that follow each other stand under one title.
  expect(places(chinese)).toEqual(["用户", "Webhook 推送", "[集点卡]"]);
  expect(chinese.match(/nav-title/g)).toHaveLength(1);
  expect(heading(chinese)).toBe("集点卡");
  expect(chinese).toContain("盖章");
});

it("shows neither place nor page to others, and says what they lack", async () => {
  const html = await open("/stamps", "en", "segments:read");
  expect(places(html)).toEqual(["Segments"]);
  expect(heading(html)).toBe(en.state.forbidden);
  expect(html).toContain("people:read");
  expect(html).not.toContain("Add stamp");
});

it("guards a page that needs more than its place", async () => {
  expect(heading(await open("/stamps/7/void", "en", "people:read"))).toBe(en.state.forbidden);
  expect(heading(await open("/stamps/7/void", "en", "people:read", "people:erase"))).toBe("Stamp cards");
});

it("leads there from the palette and by its letter", () => {
  const session = { permissions: ["people:read"], closed: [], rows: null } as unknown as Session;
  const items = navigationOf([...features, stamps], session).flatMap((g) => g.items);
  expect(items.map((n) => [n.letter, n.to])).toEqual([
    ["p", "/people"],
    ["5", "/stamps"],
  ]);
  expect(features.flatMap((f) => f.nav.map((n) => n.letter as string))).not.toContain("5");
});

import type { AnyRoute } from "@tanstack/react-router";
import { useRouter } from "@tanstack/react-router";
import type { ParseKeys } from "i18next";
import type { LucideIcon } from "lucide-react";
import { useMemo } from "react";
import type { Permission, Session } from "@/api/types";
import type { en } from "@/i18n/en";
import { mayIn, useSession } from "./session";

/** A place in the navigation, in the palette, and behind "g" and a letter. */
export interface NavItem {
  /** Its name is the text <feature>.nav.<key>. */
  key: string;
  /** Typed after "g", it leads here. */
  letter: string;
  to: string;
  icon: LucideIcon;
  /** What its page shows needs; whoever lacks it does not see the place. */
  needs: Permission;
}

/**
 * What a part of the console brings. features.ts lists them, in the order of the loop; its texts stand in i18n/en and
 * i18n/zh under its name.
 */
export interface Feature<R extends readonly AnyRoute[] = readonly AnyRoute[]> {
  /** Of its folder in pages/, and of its texts. */
  name: string;
  /** Items of one group stand together under its title. */
  group?: "collect" | "act" | "privacy" | "operate";
  nav: readonly NavItem[];
  routes: R;
  /** Pages that need something else than the place above them: "$" stands for any part of a path. */
  guards?: Readonly<Record<string, Permission>>;
  /**
   * Pages that are about everybody although what their place needs opens other calls: whoever is limited to some
   * people is told so. "$" stands for any part of a path.
   */
  everybody?: readonly string[];
  /** Further texts of its own, beside those under its name. */
  texts?: readonly (keyof typeof en)[];
}

/** Keeps the types of the routes, which links are checked against. */
export function feature<const R extends readonly AnyRoute[]>(f: Feature<R>): Feature<R> {
  return f;
}

/** The permission that a page asks for; undefined: none. The longest place that holds the path decides. */
export function neededFor(features: readonly Feature[], pathname: string): Permission | undefined {
  const path = pathname.split("/").filter(Boolean);
  let best = -1;
  let needed: Permission | undefined;
  for (const f of features) {
    for (const [place, needs] of [...f.nav.map((n) => [n.to, n.needs] as const), ...guardsOf(f)]) {
      const parts = place.split("/").filter(Boolean);
      const fits = parts.every((p, i) => (p === "$" ? path[i] !== undefined : p === path[i]));
      // "/" is the overview alone; any other place holds what is below it.
      if (fits && (parts.length > 0 || path.length === 0) && parts.length > best) {
        best = parts.length;
        needed = needs;
      }
    }
  }
  return needed;
}

const guardsOf = (f: Feature) => Object.entries(f.guards ?? {});

/** Whether a page is kept from the caller because it is about everybody. */
export function closedTo(features: readonly Feature[], session: Session, pathname: string): boolean {
  if (session.rows === null) return false;
  const needed = neededFor(features, pathname);
  if (needed !== undefined && session.closed.includes(needed)) return true;
  const path = pathname.split("/").filter(Boolean);
  return features.some((f) =>
    f.everybody?.some((place) => {
      const parts = place.split("/").filter(Boolean);
      return parts.length === path.length && parts.every((p, i) => p === "$" || p === path[i]);
    }),
  );
}

/** Where the console begins for who may not see the overview: with people, or with what there is. */
export function homeOf(features: readonly Feature[], session: Session): string {
  const places = navigationOf(features, session).flatMap((g) => g.items.map((i) => i.to));
  if (places.includes("/")) return "/";
  return places.find((to) => to === "/people") ?? places[0] ?? "/";
}

export function useFeatures(): readonly Feature[] {
  return (useRouter().options.context as { features: readonly Feature[] }).features;
}

/** A place with the key of its name. */
export interface Place extends NavItem {
  label: ParseKeys;
}

export interface NavGroup {
  title?: "collect" | "act" | "privacy" | "operate";
  items: readonly Place[];
}

/** The navigation as the caller may use it. */
export function useNavigation(): readonly NavGroup[] {
  const features = useFeatures();
  const session = useSession();
  return useMemo(() => navigationOf(features, session), [features, session]);
}

export function navigationOf(features: readonly Feature[], session: Session | undefined): NavGroup[] {
  const groups: NavGroup[] = [];
  for (const f of features) {
    const items = f.nav
      .filter((n) => mayIn(session, n.needs) && !(session && closedTo(features, session, n.to)))
      .map((n) => ({ ...n, label: `${f.name}.nav.${n.key}` as ParseKeys }));
    const last = groups.at(-1);
    if (items.length === 0) continue;
    // Features of one group, or of none, that follow each other stand together.
    if (last && last.title === f.group)
      groups[groups.length - 1] = { ...last, items: [...last.items, ...items] };
    else groups.push({ ...(f.group ? { title: f.group } : {}), items });
  }
  return groups;
}

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { catalogueEntriesQuery } from "@/api/queries";
import type { CatalogueEntry } from "@/api/types";
import { useMay } from "@/app/session";

type Sort = CatalogueEntry["sort"];

export interface Names {
  /** What is known of a name, if anything. */
  of: (sort: Sort, name: string) => CatalogueEntry | undefined;
  /** How a name is shown in the console's language, or in the other one; undefined: nobody gave it a better one. */
  shown: (sort: Sort, name: string) => string | undefined;
  /** What it is found by: the name and both display names. */
  words: (sort: Sort, name: string) => string;
}

/** How events, properties and traits are called for people. Until they are known, and for who may not read them, by their names. */
export function useNames(): Names {
  const { i18n } = useTranslation();
  const may = useMay("catalogue:read");
  const items = useQuery({ ...catalogueEntriesQuery, enabled: may }).data?.items;
  const zh = i18n.language.startsWith("zh");
  return useMemo(() => namesOf(items ?? [], zh), [items, zh]);
}

export function namesOf(items: readonly CatalogueEntry[], zh: boolean): Names {
  const entries = new Map(items.map((e) => [`${e.sort}:${e.name}`, e]));
  const of = (sort: Sort, name: string) => entries.get(`${sort}:${name}`);
  return {
    of,
    shown: (sort, name) => {
      const e = of(sort, name);
      return (zh ? e?.name_zh || e?.name_en : e?.name_en || e?.name_zh) || undefined;
    },
    words: (sort, name) => {
      const e = of(sort, name);
      return [name, e?.name_zh, e?.name_en].filter(Boolean).join(" ");
    },
  };
}

/** The starred ones first, each part in its order. */
export function starredFirst<T>(list: readonly T[], entry: (x: T) => CatalogueEntry | undefined): T[] {
  return [...list.filter((x) => entry(x)?.starred), ...list.filter((x) => !entry(x)?.starred)];
}

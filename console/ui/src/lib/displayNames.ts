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

/** What can be chosen: by its name, shown as people call it, found by both. */
export interface Choice {
  value: string;
  label: string;
  /** What it is found by. */
  words: string;
  /** The name, where another one is shown. */
  raw: string;
}

/**
 * What of a list can be chosen: starred ones first, without hidden ones; what is chosen already stays, also one that
 * the list does not have.
 */
export function choicesOf<T>(
  names: Names,
  sort: Sort,
  list: readonly T[],
  nameOf: (x: T) => string,
  chosen: readonly string[],
  label: (name: string) => string,
): (Choice & { of: T | undefined })[] {
  const choice = (name: string, of: T | undefined) => ({ ...choiceOf(names, sort, name, label), of });
  const known = new Set(list.map(nameOf));
  return [
    ...starredFirst(list, (x) => names.of(sort, nameOf(x)))
      .filter((x) => chosen.includes(nameOf(x)) || !names.of(sort, nameOf(x))?.hidden)
      .map((x) => choice(nameOf(x), x)),
    ...[...new Set(chosen)].filter((c) => c !== "" && !known.has(c)).map((c) => choice(c, undefined)),
  ];
}

export function choiceOf(names: Names, sort: Sort, name: string, label: (name: string) => string): Choice {
  const shown = label(name);
  return {
    value: name,
    label: shown,
    words: names.words(sort, name),
    raw: names.shown(sort, name) ? name : "",
  };
}

/** Whether a choice is found by what was typed. */
export function isFound(text: string, choice: Partial<Choice> | undefined): boolean {
  return `${choice?.label ?? ""} ${choice?.words ?? ""} ${choice?.value ?? ""}`
    .toLowerCase()
    .includes(text.trim().toLowerCase());
}

/** The starred ones first, each part in its order. */
export function starredFirst<T>(list: readonly T[], entry: (x: T) => CatalogueEntry | undefined): T[] {
  return [...list.filter((x) => entry(x)?.starred), ...list.filter((x) => !entry(x)?.starred)];
}

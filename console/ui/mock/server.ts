/** What the parts of the pretended server share. */
import * as world from "./world.ts";

export const mode = process.env.MOCK ?? "";
export const empty = mode === "empty";

export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

export interface Asked {
  method: string;
  /** The path behind the part's name. */
  path: (string | undefined)[];
  q: URLSearchParams;
  body: any;
}

export function ago(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

export function page<T>(all: T[], q: URLSearchParams): { items: T[]; next_cursor: string } {
  const limit = Number(q.get("limit") ?? 50);
  const at = Number(q.get("cursor") ?? 0);
  const list = empty ? [] : all;
  return {
    items: list.slice(at, at + limit),
    next_cursor: at + limit < list.length ? String(at + limit) : "",
  };
}

export function find<T extends { id: string }>(list: T[], id: string | undefined): T {
  const x = list.find((y) => y.id === id);
  if (!x) throw new Problem(404, `There is no ${id}.`);
  return x;
}

export function remove<T extends { id: string }>(list: T[], id: string | undefined): undefined {
  list.splice(list.indexOf(find(list, id)), 1);
  return undefined;
}

export const newId = world.id;

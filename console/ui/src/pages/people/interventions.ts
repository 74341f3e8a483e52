import type { Person } from "@/api/types";
import { formatJson, parseJson } from "@/lib/json";

export const refOf = (i: { kind: string; value: string }) => `${i.kind}:${i.value}`;

export interface Move {
  id: string;
  name: string;
  how: "stays" | "enters" | "leaves";
}

type InSegments = { id: string; segments: { id: string; name: string }[]; unsure: { id: string }[] };

/**
 * Which segments a person would be in, beside those of now. Somebody who comes out of another begins with what that one
 * had; of several who become one, each had their own.
 */
export function movesOf(after: InSegments, before: readonly InSegments[]): Move[] {
  const own = before.filter((b) => b.id === after.id);
  const had = new Map((own.length > 0 ? before : []).flatMap((b) => b.segments.map((s) => [s.id, s.name])));
  const open = new Set(after.unsure.map((s) => s.id));
  const now = new Set(after.segments.map((s) => s.id));
  const moves: Move[] = after.segments.map((s) => ({ ...s, how: had.has(s.id) ? "stays" : "enters" }));
  for (const s of own.flatMap((b) => b.segments))
    if (!now.has(s.id) && !open.has(s.id)) moves.push({ ...s, how: "leaves" });
  const order = { leaves: 0, enters: 1, stays: 2 };
  return moves.sort((a, b) => order[a.how] - order[b.how] || a.name.localeCompare(b.name));
}

/** The number in a person's id, whose digits are base 36. */
function numberOf(id: string): bigint {
  let n = 0n;
  for (const c of id.replace(/^p_/, "")) n = n * 36n + BigInt(Number.parseInt(c, 36) || 0);
  return n;
}

/** Of two persons the older stays: that with the smaller number. */
export function whoStays<T extends { id: string }>(a: T, b: T): [stays: T, goes: T] {
  return numberOf(a.id) <= numberOf(b.id) ? [a, b] : [b, a];
}

export interface TraitOfTwo {
  trait: string;
  values: [unknown, unknown];
  /** Whose value stays: the one that was set last. Equal values have no winner. */
  wins: 0 | 1 | null;
}

/** Traits of two persons side by side, with the value that both together have. */
export function traitsOfTwo(a: Person, b: Person): TraitOfTwo[] {
  const names = [...new Set([...Object.keys(a.traits), ...Object.keys(b.traits)])].sort();
  const at = (p: Person, trait: string) => Date.parse(p.trait_meta[trait]?.updated_at ?? "") || 0;
  return names.map((trait) => {
    const values: [unknown, unknown] = [a.traits[trait], b.traits[trait]];
    if (!(trait in b.traits)) return { trait, values, wins: 0 };
    if (!(trait in a.traits)) return { trait, values, wins: 1 };
    if (formatJson(values[0]) === formatJson(values[1])) return { trait, values, wins: null };
    return { trait, values, wins: at(b, trait) > at(a, trait) ? 1 : 0 };
  });
}

/** Kinds of which both together have more identifiers than one person may. A limit hits only who both have some. */
export function overLimits(
  a: Person,
  b: Person,
  kinds: readonly { kind: string; limit: number }[],
): { kind: string; have: number; limit: number }[] {
  const count = (p: Person, kind: string) => p.identifiers.filter((i) => i.kind === kind).length;
  return kinds.flatMap(({ kind, limit }) => {
    const [m, n] = [count(a, kind), count(b, kind)];
    return m > 0 && n > 0 && m + n > limit ? [{ kind, have: m + n, limit }] : [];
  });
}

/** What somebody types as a trait's value: text, unless the value is of another type already or they say so. */
export type TraitType = "text" | "number" | "boolean" | "json";
export function typeOfTrait(value: unknown): TraitType {
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (typeof value === "boolean") return "boolean";
  return value === null || value === undefined || typeof value === "string" ? "text" : "json";
}

/** Reads a typed value; undefined when it is none of the type. */
export function readTrait(type: TraitType, text: string): unknown {
  if (type === "text") return text;
  try {
    const value = parseJson(text.trim());
    if (value === null) return undefined;
    return type === "json" || typeOfTrait(value) === type ? value : undefined;
  } catch {
    return undefined;
  }
}

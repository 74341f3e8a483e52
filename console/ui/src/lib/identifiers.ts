import type { LiveEvent } from "@/api/types";

/** Which identifier names a person best: what they gave themselves first, what a browser made up last. */
const order = ["user_id", "phone", "email", "unionid", "openid", "vin", "plate"];
const last = ["device_id", "anonymous_id"];

function rank(kind: string): number {
  const i = order.indexOf(kind);
  if (i >= 0) return i;
  const j = last.indexOf(kind);
  return j >= 0 ? 100 + j : 50;
}

const things = new Set(["vin", "plate", "household_id", "account_id"]);

/** What is no person but a thing that persons have to do with: it is called by its only identifier. */
export function thingOf<T extends { kind: string }>(identifiers: readonly T[]): T | undefined {
  const [only, ...others] = identifiers;
  return only && others.length === 0 && things.has(only.kind) ? only : undefined;
}

/** The strongest first; those of one strength keep their order. */
export function strongestFirst<T extends { kind: string }>(identifiers: readonly T[]): T[] {
  return identifiers.toSorted((a, b) => rank(a.kind) - rank(b.kind));
}

/** Who an event says that it is of, the strongest first. A refused event has only what could be read of it. */
export function identifiersOf(event: Pick<LiveEvent, "identifiers" | "user_id" | "anonymous_id">) {
  if (event.identifiers.length > 0) return strongestFirst(event.identifiers);
  return [
    { kind: "user_id", value: event.user_id },
    { kind: "anonymous_id", value: event.anonymous_id },
  ].filter((i) => i.value);
}

/** Whether a value is shown masked: what is left of it is no use to copy. */
export const isMasked = (value: string) => value.includes("***");

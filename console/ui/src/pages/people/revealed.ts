import type { components } from "@/api/schema";
import type { Person } from "@/api/types";
import { isMasked } from "@/lib/identifiers";

export type Revealed = components["schemas"]["RevealedContacts"];

/** Whether a masked value, "138****8001", may stand for a full one. */
function standsFor(masked: string, full: string): boolean {
  const [head = "", ...rest] = masked.split(/\*+/);
  const tail = rest.at(-1) ?? "";
  return full.length >= head.length + tail.length && full.startsWith(head) && full.endsWith(tail);
}

/** The person with what was revealed in the place of what was masked. Each value is used once. */
export function unmasked(person: Person, revealed: Revealed | undefined): Person {
  if (!revealed || revealed.id !== person.id) return person;
  const left = [...revealed.identifiers];
  const identifiers = person.identifiers.map((i) => {
    if (!isMasked(i.value)) return i;
    const at = left.findIndex((r) => r.kind === i.kind && standsFor(i.value, r.value));
    const [full] = at < 0 ? [] : left.splice(at, 1);
    return full ? { ...i, value: full.value } : i;
  });
  return { ...person, identifiers, traits: { ...person.traits, ...revealed.traits } };
}

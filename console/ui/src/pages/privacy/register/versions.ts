import { stableJson } from "@/lib/json";

/** What a version has that the one before has not, of a field: texts, or items of a list. */
export type Difference = { field: string; from: string[]; to: string[] };

// What tells who wrote a version, and what follows from the rest.
const stamps = new Set(["id", "version", "changed_by", "changed_at", "needs_assessment", "due", "activity"]);

/** The fields in which a record differs from the version before. A list is compared by its items, whatever their order. */
export function differences(
  before: Record<string, unknown> | undefined,
  after: Record<string, unknown>,
): Difference[] {
  const fields = [...new Set([...Object.keys(after), ...Object.keys(before ?? {})])].filter(
    (f) => !stamps.has(f),
  );
  return fields.flatMap((field) => {
    const [from, to] = [itemsOf(before?.[field]), itemsOf(after[field])];
    const gone = from.filter((v) => !to.includes(v));
    const added = to.filter((v) => !from.includes(v));
    return gone.length + added.length > 0 ? [{ field, from: gone, to: added }] : [];
  });
}

/** What stands in a field, as texts; what is empty stands for nothing. */
function itemsOf(value: unknown): string[] {
  if (value === undefined || value === null || value === "" || value === false) return [];
  if (Array.isArray(value)) return value.flatMap(itemsOf);
  if (typeof value === "object") {
    const parts = Object.entries(value)
      .filter(([key, v]) => key !== "kind" && key !== "id" && v !== "" && v !== null && v !== undefined)
      .map(([, v]) => (typeof v === "object" ? stableJson(v) : String(v)));
    return [parts.join(" · ")];
  }
  return [String(value)];
}

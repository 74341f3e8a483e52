export interface Sort {
  key: string;
  descending: boolean;
}

/** "-count" → by count, largest first. */
export function parseSort(s: string | undefined): Sort | null {
  if (!s) return null;
  return s.startsWith("-") ? { key: s.slice(1), descending: true } : { key: s, descending: false };
}

export function sortParam(key: string, descending: boolean): string {
  return descending ? `-${key}` : key;
}

/** Nothing is less than anything; numbers by size; texts as people of the language expect. */
export function compareValues(a: unknown, b: unknown, locale: string): number {
  const emptyA = a === null || a === undefined || a === "";
  const emptyB = b === null || b === undefined || b === "";
  if (emptyA || emptyB) return emptyA === emptyB ? 0 : emptyA ? -1 : 1;
  const numbers = (v: unknown) => typeof v === "number" || typeof v === "bigint";
  if (numbers(a) && numbers(b)) {
    const [x, y] = [a as number, b as number];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  return String(a).localeCompare(String(b), locale, { numeric: true });
}

/** Reads of the address's search part: what is wrong or empty counts as absent, so an old link never breaks a page. */
type Raw = Record<string, unknown>;

export function str(raw: Raw, key: string): string | undefined {
  const v = raw[key];
  // The router reads `?q=123` as a number; an identifier may well look like one.
  if (typeof v === "number" || typeof v === "boolean") return String(v);
  return typeof v === "string" && v !== "" ? v : undefined;
}

export function int(raw: Raw, key: string): number | undefined {
  const n = Number(raw[key]);
  return raw[key] !== undefined && raw[key] !== "" && Number.isInteger(n) ? n : undefined;
}

export function flag(raw: Raw, key: string): true | undefined {
  const v = raw[key];
  return v === true || v === "true" || v === 1 || v === "1" ? true : undefined;
}

export function oneOf<T extends string>(raw: Raw, key: string, allowed: readonly T[]): T | undefined {
  const v = str(raw, key);
  return allowed.find((a) => a === v);
}

export function list(raw: Raw, key: string): string[] | undefined {
  const v = raw[key];
  if (!Array.isArray(v)) return undefined;
  const out = v.filter((x): x is string => typeof x === "string" && x !== "");
  return out.length > 0 ? out : undefined;
}

/** Leaves out what is undefined, so that the address stays short. */
export function compact<T extends object>(o: T): T {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as T;
}

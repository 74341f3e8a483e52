import { formatJson, parseDamagedJson } from "./json";

/**
 * The address's search part. It is read leniently: a link that was shortened by a chat, or typed, or made by another
 * version never breaks a page. What can be read of a parameter is used, the rest counts as absent, and `damagedParts`
 * tells the page what to say.
 */
type Raw = Record<string, unknown>;

/** `?q=ana&rule={…}` as texts and JSON values. Only objects, lists and quoted texts are JSON: an id stays the text it is. */
export function parseSearch(search: string): Raw {
  const out: Raw = {};
  for (const [key, text] of new URLSearchParams(search)) {
    if (key in out) continue;
    out[key] = /^\s*[[{"]/.test(text) ? (parseDamagedJson(text).value ?? text) : text;
  }
  return out;
}

export function stringifySearch(search: Raw): string {
  const params = new URLSearchParams();
  for (const [key, v] of Object.entries(search)) {
    if (v === undefined) continue;
    const plain = typeof v === "string" ? !/^\s*[[{"]/.test(v) : typeof v !== "object" || v === null;
    params.set(key, plain ? String(v) : formatJson(v));
  }
  const s = params.toString();
  return s === "" ? "" : `?${s}`;
}

// Readers of single parameters.

export function str(raw: Raw, key: string): string | undefined {
  const v = raw[key];
  if (typeof v === "number" || typeof v === "bigint" || typeof v === "boolean") return String(v);
  return typeof v === "string" && v !== "" ? v : undefined;
}

export function int(raw: Raw, key: string): number | undefined {
  const s = str(raw, key);
  const n = Number(s);
  return s !== undefined && Number.isSafeInteger(n) ? n : undefined;
}

export function flag(raw: Raw, key: string): true | undefined {
  const s = str(raw, key);
  return s === "true" || s === "1" ? true : undefined;
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

/** Notes which parameters are looked at. */
function watch(raw: Raw): { watched: Raw; asked: Set<string> } {
  const asked = new Set<string>();
  const watched = new Proxy(raw, {
    get(of, key) {
      if (typeof key === "string") asked.add(key);
      return Reflect.get(of, key);
    },
  });
  return { watched, asked };
}

/**
 * A reader as a route's validateSearch. The router lays what it gives over the raw parameters, so that one which is
 * wrong would come through as it is: it is said here that it is absent.
 */
export function validated<T extends object>(read: (raw: Raw) => T): (raw: Raw) => T {
  return (raw) => {
    const { watched, asked } = watch(raw);
    const good = read(watched);
    const wrong = [...asked].filter((key) => !(key in good) && key in raw);
    return { ...Object.fromEntries(wrong.map((key) => [key, undefined])), ...good };
  };
}

/**
 * The parameters of an address that the page could not read, or not whole. `reads` are what the routes of the page make
 * of it (their validateSearch); parameters that none of them looks at are not ours and are left alone.
 */
export function damagedParts(search: string, reads: readonly ((raw: Raw) => object)[]): string[] {
  const raw = parseSearch(search);
  const { watched, asked } = watch(raw);
  const read: Raw = Object.assign({}, ...reads.map((r) => r(watched)));
  const texts = new Map([...new URLSearchParams(search)].toReversed());
  return [...asked].filter((key) => {
    const text = texts.get(key) ?? "";
    if (text === "") return false;
    if (read[key] === undefined) return true;
    return (
      typeof raw[key] === "object" && (parseDamagedJson(text).damaged || leaves(raw[key]) > leaves(read[key]))
    );
  });
}

/** How many values there are in a value. */
function leaves(v: unknown): number {
  if (typeof v !== "object" || v === null) return v === undefined ? 0 : 1;
  return Object.values(v).reduce((n: number, x) => n + leaves(x), 0);
}

/**
 * A path whose percent signs all stand for something: a shortened link ends within a character, which the router would
 * stumble over. What is no character becomes the mark for that.
 */
export function mendPath(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+|%/gi, (part) => {
    // Decoded loosely, not tried: a call whose answer nobody reads is taken out of the build.
    const bytes = Uint8Array.from(part.matchAll(/%(..)/g), (m) => Number.parseInt(m[1] as string, 16));
    const text = bytes.length > 0 ? new TextDecoder().decode(bytes) : "\uFFFD";
    return text.includes("\uFFFD") ? encodeURIComponent(text) : part;
  });
}

/**
 * JSON without losing digits. An order number such as 9007199254740993 does not fit a number of JavaScript: what the
 * server sent exactly would be shown, exported and sent back as 9007199254740992. Such integers are read as bigint,
 * and written again as they came. Everything that comes from or goes to the server or the address passes here.
 */

// Strings are matched first, so that digits inside of them are left alone, and numbers whole.
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const longInteger = /^-?[1-9]\d{15,}$/;
/** Marks an integer while JSON.parse carries it as a text; a text that begins with it is marked too, and so stays one. */
const mark = "\uE000int:";
const marked = /^"(?:\uE000|\\u[eE]000)int:/;

export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let found = false;
  const safe = text.replace(tokens, (t) => {
    if (t.startsWith('"')) {
      if (!marked.test(t)) return t;
      found = true;
      return `"${mark}${t.slice(1)}`;
    }
    if (!longInteger.test(t) || Number.isSafeInteger(Number(t))) return t;
    found = true;
    return `"${mark}${t}"`;
  });
  if (!found) return JSON.parse(text);
  try {
    return JSON.parse(safe, (_key, v: unknown) => {
      if (typeof v !== "string" || !v.startsWith(mark)) return v;
      const rest = v.slice(mark.length);
      return rest.startsWith(mark) ? rest : BigInt(rest);
    });
  } catch {
    // The same complaint, but with places in the text as it was given.
    return JSON.parse(text);
  }
}

/** JSON.stringify that writes a bigint as the integer that it is. */
export function formatJson(value: unknown, indent?: number): string {
  let found = false;
  const text = JSON.stringify(
    value,
    (_key, v: unknown) => {
      if (typeof v === "bigint") {
        found = true;
        return `${mark}${v}`;
      }
      if (typeof v === "string" && v.startsWith(mark)) {
        found = true;
        return `${mark}${v}`;
      }
      return v;
    },
    indent,
  );
  if (!found) return text;
  return text.replace(/"(?:[^"\\]|\\.)*"/g, (t) => {
    if (!t.startsWith(`"${mark}`)) return t;
    const rest = t.slice(1 + mark.length, -1);
    return rest.startsWith(mark) ? `"${rest}"` : rest;
  });
}

/** JSON with ordered keys: the same for the same content. */
export function stableJson(value: unknown): string {
  return formatJson(ordered(value));
}

function ordered(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(ordered);
  if (typeof v !== "object" || v === null) return v;
  return Object.fromEntries(
    Object.entries(v)
      .filter(([, x]) => x !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, x]) => [k, ordered(x)]),
  );
}

/** What was typed as a number: an integer keeps all its digits. Null for what is none. */
export function readNumber(text: string): number | bigint | null {
  const s = text.trim();
  if (s === "") return null;
  const n = Number(s);
  if (!Number.isFinite(n)) return null;
  return /^[+-]?\d+$/.test(s) && !Number.isSafeInteger(n) ? BigInt(s.replace(/^\+/, "")) : n;
}

/**
 * Reads JSON that may have been cut off on its way (an address in a mail, a chat that shortens links): what is complete
 * is kept, open lists and objects are closed. `damaged` says that something is missing; `value` is undefined when
 * nothing can be read at all.
 */
export function parseDamagedJson(text: string): { value: unknown; damaged: boolean } {
  try {
    return { value: parseJson(text), damaged: false };
  } catch {
    // Cut, or changed in the middle.
  }
  // The places where the text could end if all that is open there were closed; the longest beginning that is JSON wins.
  const ends: { at: number; close: string }[] = [];
  const open: string[] = [];
  for (const m of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const t = m[0];
    const at = m.index;
    if (t === "{" || t === "[") open.push(t === "{" ? "}" : "]");
    else if (t === "}" || t === "]") open.pop();
    const close = open.toReversed().join("");
    ends.push({ at: t === "," ? at : at + t.length, close });
    if (open.length > 64) break;
  }
  for (const { at, close } of ends.toReversed().slice(0, 64)) {
    try {
      return { value: parseJson(text.slice(0, at) + close), damaged: true };
    } catch {
      // Not here either: one place earlier.
    }
  }
  return { value: undefined, damaged: true };
}

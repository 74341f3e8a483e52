/**
 * The mapping as the form changes it: the object that the server reads (docs/imports.md), in its order. What the form
 * does not know of (a prefix, an escape) stays as it is.
 */
export type Mapping = Readonly<Record<string, unknown>>;

export type CallType = "track" | "identify" | "page" | "screen" | "group";
export const callTypes: readonly CallType[] = ["track", "identify", "page", "screen", "group"];
export const fieldTypes = ["text", "number", "boolean", "time", "json"] as const;
export type FieldType = (typeof fieldTypes)[number];
export const identifierKinds = [
  "user_id",
  "anonymous_id",
  "email",
  "phone",
  "device_id",
  "openid",
  "unionid",
  "vin",
  "plate",
] as const;

/** What a column is. */
export type Role =
  | { is: "none" }
  | { is: "time" }
  | { is: "event" }
  | { is: "group" }
  | { is: "message" }
  | { is: "identifier"; kind: string }
  | { is: "field"; part: Part; name: string; type: FieldType };

type Part = "properties" | "traits" | "context";
const parts: readonly Part[] = ["properties", "traits", "context"];
type Obj = Record<string, unknown>;

const isObj = (v: unknown): v is Obj => typeof v === "object" && v !== null && !Array.isArray(v);
const obj = (v: unknown): Obj => (isObj(v) ? v : {});
/** The column that a value comes from, if it comes from one. */
const columnOf = (v: unknown): string | undefined =>
  typeof v === "string" ? v : isObj(v) && typeof v.column === "string" ? v.column : undefined;

export function callType(m: Mapping): CallType {
  return callTypes.find((t) => t === m.type) ?? "track";
}

/** The name that a column's field gets when nobody chose one: dots are steps into an object unless they are escaped. */
const fieldName = (column: string): string => column.replaceAll(".", "\\.");
export const shownName = (name: string): string => name.replaceAll("\\.", ".");

export function roleOf(m: Mapping, column: string): Role {
  if (columnOf(m.time) === column) return { is: "time" };
  if (isObj(m.event) && m.event.column === column) return { is: "event" };
  if (columnOf(m.group_id) === column) return { is: "group" };
  for (const [kind, v] of Object.entries(obj(m.identifiers)))
    if (columnOf(v) === column) return { is: "identifier", kind };
  for (const part of parts) {
    for (const [name, v] of Object.entries(obj(m[part]))) {
      if (columnOf(v) !== column) continue;
      const type = isObj(v) ? fieldTypes.find((t) => t === v.type) : undefined;
      return { is: "field", part, name, type: type ?? "text" };
    }
  }
  if (Array.isArray(m.message_id) && m.message_id.includes(column)) return { is: "message" };
  return { is: "none" };
}

/** Drops empty parts, which the server would not take. */
function tidy(m: Obj): Mapping {
  const keep = (v: unknown) =>
    v !== undefined && !(isObj(v) && Object.keys(v).length === 0) && !(Array.isArray(v) && v.length === 0);
  return Object.fromEntries(Object.entries(m).filter(([, v]) => keep(v)));
}

const without = (o: Obj, column: string): Obj =>
  Object.fromEntries(Object.entries(o).filter(([, v]) => columnOf(v) !== column));

/** The mapping without what a column makes; products that it is in stay. */
function clear(m: Mapping, column: string): Obj {
  const out: Obj = { ...m };
  if (columnOf(m.time) === column) delete out.time;
  if (isObj(m.event) && m.event.column === column) delete out.event;
  if (columnOf(m.group_id) === column) delete out.group_id;
  for (const part of ["identifiers", ...parts]) if (isObj(m[part])) out[part] = without(obj(m[part]), column);
  if (Array.isArray(m.message_id)) {
    const rest = m.message_id.filter((c) => c !== column);
    out.message_id = rest.every((c) => c === "$row") ? [] : rest;
  }
  return out;
}

const field = (column: string, type: FieldType, before?: unknown): unknown => {
  const more = isObj(before) ? before : {};
  if (type === "text") return column;
  return { ...(more.type === type ? more : {}), column, type };
};

export function setRole(m: Mapping, column: string, role: Role): Mapping {
  const before = roleOf(m, column);
  const old = before.is === "field" ? obj(m[before.part])[before.name] : undefined;
  // In its place, when only the name or the type changes.
  if (before.is === "field" && role.is === "field" && before.part === role.part) {
    const entries = Object.entries(obj(m[role.part])).flatMap(([name, v]): [string, unknown][] =>
      name === before.name
        ? [[role.name, field(column, role.type, old)]]
        : name === role.name
          ? []
          : [[name, v]],
    );
    return { ...m, [role.part]: Object.fromEntries(entries) };
  }
  const out = clear(m, column);
  switch (role.is) {
    case "time": {
      const { constant: _, column: __, layout: ___, ...rest } = obj(m.time);
      out.time = Object.keys(rest).length > 0 ? { column, ...rest } : { column };
      break;
    }
    case "event":
      out.event = { column };
      break;
    case "group":
      out.group_id = { column };
      break;
    case "message":
      out.message_id = [...(Array.isArray(out.message_id) ? out.message_id : []), column];
      break;
    case "identifier":
      out.identifiers = { ...obj(out.identifiers), [role.kind]: column };
      break;
    case "field":
      out[role.part] = { ...obj(out[role.part]), [role.name]: field(column, role.type) };
      break;
  }
  return tidy(out);
}

/** The role that a choice of the form's picker stands for: "time", "id:email", "properties", … */
export function roleFrom(choice: string, column: string, before: Role, type: FieldType): Role {
  if (choice.startsWith("id:")) return { is: "identifier", kind: choice.slice(3) };
  if (choice === "properties" || choice === "traits")
    return {
      is: "field",
      part: choice,
      name: before.is === "field" ? before.name.replace(/^traits\./, "") : fieldName(column),
      type,
    };
  if (choice === "context")
    return {
      is: "field",
      part: "context",
      name: before.is === "field" ? `traits.${before.name}` : `traits.${fieldName(column)}`,
      type,
    };
  if (choice === "time" || choice === "event" || choice === "group" || choice === "message")
    return { is: choice };
  return { is: "none" };
}

export function choiceOf(role: Role): string {
  if (role.is === "identifier") return `id:${role.kind}`;
  return role.is === "field" ? role.part : role.is;
}

/** What carries a row's values: properties of events, traits of people and groups. */
export const partOf = (type: CallType): "properties" | "traits" =>
  type === "identify" || type === "group" ? "traits" : "properties";

export function setType(m: Mapping, type: CallType, eventName: string): Mapping {
  const out: Obj = { ...m };
  if (type === "track") delete out.type;
  else out.type = type;
  if (type !== "track") delete out.event;
  else if (out.event === undefined) out.event = eventName;
  if (type !== "group") delete out.group_id;
  const part = partOf(type);
  const other = part === "traits" ? "properties" : "traits";
  if (isObj(m[other])) {
    out[part] = { ...obj(m[part]), ...obj(m[other]) };
    delete out[other];
  }
  return tidy(out);
}

export const eventName = (m: Mapping): string | undefined =>
  typeof m.event === "string"
    ? m.event
    : isObj(m.event) && typeof m.event.constant === "string"
      ? m.event.constant
      : undefined;

export interface TimeParts {
  column?: string;
  constant?: string;
  layout?: string;
  zone?: string;
}
export function timeOf(m: Mapping): TimeParts {
  if (typeof m.time === "string") return { column: m.time };
  const t = obj(m.time);
  const out: TimeParts = {};
  for (const key of ["column", "constant", "layout", "zone"] as const) {
    if (t[key] !== undefined) out[key] = String(t[key]);
  }
  return out;
}
export function setTime(m: Mapping, change: TimeParts): Mapping {
  const time = Object.fromEntries(
    Object.entries({ ...timeOf(m), ...change }).filter(([, v]) => v !== undefined && v !== ""),
  );
  return tidy({ ...m, time });
}

/** Fields that are no column: a product of columns, or a text that all rows have. */
export interface Computed {
  name: string;
  multiply?: string[];
  constant?: string;
}
export function computedOf(m: Mapping): Computed[] {
  return Object.entries(obj(m[partOf(callType(m))])).flatMap(([name, v]): Computed[] => {
    if (!isObj(v)) return [];
    if (Array.isArray(v.multiply)) return [{ name, multiply: v.multiply.map(String) }];
    return "constant" in v ? [{ name, constant: String(v.constant) }] : [];
  });
}
export function addComputed(m: Mapping, c: Computed): Mapping {
  const part = partOf(callType(m));
  const value = c.multiply ? { type: "number", multiply: c.multiply } : { constant: c.constant ?? "" };
  return { ...m, [part]: { ...obj(m[part]), [c.name]: value } };
}
export function dropField(m: Mapping, name: string): Mapping {
  const part = partOf(callType(m));
  return tidy({
    ...m,
    [part]: Object.fromEntries(Object.entries(obj(m[part])).filter(([n]) => n !== name)),
  });
}

/** The keys that say how a file is written, which a mapping of another file's columns can do without. */
export const formatKeys = ["format", "encoding", "delimiter", "header", "skip", "decimal"] as const;
export type FormatKey = (typeof formatKeys)[number];

export function setFormat(m: Mapping, key: FormatKey, value: unknown): Mapping {
  const { [key]: _, ...rest } = m;
  return value === undefined ? rest : { [key]: value, ...rest };
}

/** The property whose sum is worth a first chart: an amount, if there is one. */
export function amountOf(m: Mapping): string | undefined {
  const numbers = Object.entries(obj(m.properties)).filter(([, v]) => isObj(v) && v.type === "number");
  const named = numbers.find(([name]) =>
    /amount|revenue|total|gmv|sales|\u91d1\u989d|\u8425\u6536/i.test(name),
  );
  const product = numbers.find(([, v]) => Array.isArray(obj(v).multiply));
  return (named ?? product)?.[0];
}

import { compact } from "@/lib/search";

/** A JSON Schema as a plan has it; docs/tracking-plans.md names the keywords. */
export type Schema = Readonly<Record<string, unknown>>;

/** A way into a schema: to a property by its name, or to what a list's elements are. */
export type Step = { prop: string } | "items";
export type Path = readonly Step[];

export const types = ["string", "number", "integer", "boolean", "object", "array", "null"] as const;
export type TypeName = (typeof types)[number];

export const isSchema = (v: unknown): v is Schema => typeof v === "object" && v !== null && !Array.isArray(v);
const asSchema = (v: unknown): Schema => (isSchema(v) ? v : {});

export const propertiesOf = (s: Schema): [string, Schema][] =>
  Object.entries(asSchema(s.properties)).map(([name, p]) => [name, asSchema(p)]);
export const requiredOf = (s: Schema): readonly string[] =>
  Array.isArray(s.required) ? s.required.filter((n): n is string => typeof n === "string") : [];
export const typesOf = (s: Schema): readonly string[] =>
  typeof s.type === "string" ? [s.type] : Array.isArray(s.type) ? (s.type as string[]) : [];

/** One line of the editor. The elements of a list have no name and cannot be required. */
export interface Row {
  path: Path;
  /** As the server names the place in its complaints: "items → price". */
  place: string;
  /** As people and breaches name it: "items[].price". */
  text: string;
  name: string | undefined;
  depth: number;
  schema: Schema;
  required: boolean;
}

/** All properties, from the outermost in, each before what is inside of it. */
export function rowsOf(schema: Schema, path: Path = [], places: readonly string[] = [], text = ""): Row[] {
  const rows: Row[] = [];
  const required = requiredOf(schema);
  const add = (step: Step, inner: Schema) => {
    const at = [...path, step];
    const names = [...places, step === "items" ? "items" : step.prop];
    const here = step === "items" ? `${text}[]` : text ? `${text}.${step.prop}` : step.prop;
    rows.push({
      path: at,
      place: names.join(" → "),
      text: here,
      name: step === "items" ? undefined : step.prop,
      depth: path.length,
      schema: inner,
      required: step !== "items" && required.includes(step.prop),
    });
    rows.push(...rowsOf(inner, at, names, here));
  };
  if (isSchema(schema.items)) add("items", schema.items);
  for (const [name, inner] of propertiesOf(schema)) add({ prop: name }, inner);
  return rows;
}

/** How many properties an event has, those inside of others too. */
export const countProperties = (schema: unknown): number =>
  rowsOf(asSchema(schema)).filter((r) => r.name !== undefined).length;

export function schemaAt(schema: Schema, path: Path): Schema {
  return path.reduce<Schema>(
    (s, step) => asSchema(step === "items" ? s.items : asSchema(s.properties)[step.prop]),
    schema,
  );
}

/** The schema with another one at a place. */
export function changeAt(schema: Schema, path: Path, change: (s: Schema) => Schema): Schema {
  const [step, ...rest] = path;
  if (step === undefined) return change(schema);
  if (step === "items") return { ...schema, items: changeAt(asSchema(schema.items), rest, change) };
  const properties = asSchema(schema.properties);
  return {
    ...schema,
    properties: { ...properties, [step.prop]: changeAt(asSchema(properties[step.prop]), rest, change) },
  };
}

/** Sets keywords of the schema at a place; those that are undefined go. */
export const setKeywords = (schema: Schema, path: Path, keywords: Schema): Schema =>
  changeAt(schema, path, (s) => compact({ ...s, ...keywords }));

const only: Readonly<Record<string, readonly TypeName[]>> = {
  minimum: ["number", "integer"],
  maximum: ["number", "integer"],
  exclusiveMinimum: ["number", "integer"],
  exclusiveMaximum: ["number", "integer"],
  pattern: ["string"],
  format: ["string"],
  minLength: ["string"],
  maxLength: ["string"],
  minItems: ["array"],
  maxItems: ["array"],
  items: ["array"],
  properties: ["object"],
  required: ["object"],
  additionalProperties: ["object"],
};

/** Whether a keyword says anything of values of these types; no type stands for all. */
export const concerns = (keyword: string, of: readonly string[]): boolean =>
  of.length === 0 || (only[keyword] ?? of).some((t) => of.includes(t));

/** Gives a place other types; what was said of the earlier ones alone goes with them. */
export function setTypes(schema: Schema, path: Path, next: readonly string[]): Schema {
  return changeAt(schema, path, (s) => {
    const kept = Object.entries(s).filter(([key]) => key !== "type" && concerns(key, next));
    const type = next.length === 1 ? next[0] : next.length === 0 ? undefined : [...next];
    const inner = next.includes("array") && !isSchema(s.items) ? { items: {} } : {};
    return compact({ type, ...Object.fromEntries(kept), ...inner });
  });
}

function parentOf(path: Path): { parent: Path; name: string } | undefined {
  const last = path.at(-1);
  return last === undefined || last === "items" ? undefined : { parent: path.slice(0, -1), name: last.prop };
}

export function setRequired(schema: Schema, path: Path, yes: boolean): Schema {
  const at = parentOf(path);
  if (!at) return schema;
  return changeAt(schema, at.parent, (s) => {
    const others = requiredOf(s).filter((n) => n !== at.name);
    const required = yes ? [...others, at.name] : others;
    return compact({ ...s, required: required.length > 0 ? required : undefined });
  });
}

/** A free name beside those that are there: "property", "property_2". */
export function freeName(taken: readonly string[], name: string): string {
  let n = 1;
  let free = name;
  while (taken.includes(free)) free = `${name}_${++n}`;
  return free;
}

export function addProperty(schema: Schema, parent: Path, name: string): Schema {
  return changeAt(schema, parent, (s) => ({
    ...s,
    properties: { ...asSchema(s.properties), [name]: { type: "string" } },
  }));
}

/** Undefined: the name is taken or empty. The property keeps its place. */
export function renameProperty(schema: Schema, path: Path, name: string): Schema | undefined {
  const at = parentOf(path);
  if (!at || name === at.name) return schema;
  if (name === "" || propertiesOf(schemaAt(schema, at.parent)).some(([n]) => n === name)) return undefined;
  return changeAt(schema, at.parent, (s) => ({
    ...s,
    properties: Object.fromEntries(propertiesOf(s).map(([n, p]) => [n === at.name ? name : n, p])),
    ...(requiredOf(s).includes(at.name)
      ? { required: requiredOf(s).map((n) => (n === at.name ? name : n)) }
      : {}),
  }));
}

export function removeProperty(schema: Schema, path: Path): Schema {
  const at = parentOf(path);
  if (!at) return schema;
  return changeAt(setRequired(schema, path, false), at.parent, (s) => ({
    ...s,
    properties: Object.fromEntries(propertiesOf(s).filter(([n]) => n !== at.name)),
  }));
}

/** The server begins a complaint about a place with it: "Order Paid → amount: …". */
export function isAbout(fault: string, place: string): boolean {
  return [" → ", ": ", "："].some((end) => fault.startsWith(place + end));
}

import { strongestFirst } from "./identifiers";
import { formatJson } from "./json";
import { offsetAt } from "./zone";

/** One cell by RFC 4180. A leading = + - @ is quoted with an apostrophe, so that a sheet does not run what a visitor typed. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  let s = typeof value === "string" ? value : formatJson(value);
  if (/^[=+\-@\t\r]/.test(s)) s = `'${s}`;
  return /[",\r\n]/.test(s) || s !== s.trim() ? `"${s.replaceAll('"', '""')}"` : s;
}

/**
 * A time as sheets read it, by the clocks of a time zone: "2026-01-31 14:03:09". What is no time stays as it is. For days
 * alone, as in a report by day, without the hour.
 */
export function csvTime(t: unknown, timeZone: string, only?: "day"): unknown {
  if (typeof t !== "string" && typeof t !== "number") return t;
  const at = typeof t === "number" ? t : Date.parse(t);
  if (t === "" || Number.isNaN(at)) return t;
  const text = new Date(at + offsetAt(at, timeZone)).toISOString();
  return only === "day" ? text.slice(0, 10) : text.slice(0, 19).replace("T", " ");
}

interface Identified {
  identifiers: readonly { kind: string; value: string }[];
}

/** A column for each kind of identifier that anyone has, the strongest first; several of a kind stand in one cell. */
export function identifierColumns(
  rows: readonly Identified[],
  label: (kind: string) => string,
): { title: string; value: (row: Identified) => string }[] {
  const kinds = new Set(rows.flatMap((r) => r.identifiers.map((i) => i.kind)));
  return strongestFirst([...kinds].map((kind) => ({ kind }))).map(({ kind }) => ({
    title: label(kind),
    value: (r) =>
      r.identifiers
        .filter((i) => i.kind === kind)
        .map((i) => i.value)
        .join("; "),
  }));
}

export interface CsvColumn<T> {
  title: string;
  value: (row: T) => unknown;
}

export function tableCsv<T>(columns: readonly CsvColumn<T>[], rows: readonly T[]): string {
  return toCsv(
    columns.map((c) => c.title),
    rows.map((r) => columns.map((c) => c.value(r))),
  );
}

export function toCsv(header: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return [header, ...rows].map((r) => r.map(csvCell).join(",")).join("\r\n");
}

/**
 * Reads a table as sheets save or copy it: cells apart by tabs, semicolons or commas, whichever the first line with any
 * has, quoted by RFC 4180. Empty lines are left out.
 */
export function parseTable(text: string): string[][] {
  const source = text.replace(/^\uFEFF/, "");
  const heading = source.split(/\r?\n/).find((line) => /[\t;,]/.test(line)) ?? "";
  const comma = ["\t", ";", ","].find((c) => heading.includes(c)) ?? ",";
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    row.push(cell);
    if (row.some((c) => c !== "")) rows.push(row);
    row = [];
    cell = "";
  };
  for (let i = 0; i < source.length; i++) {
    const c = source[i] as string;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (source[i + 1] === '"') cell += source[++i];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === comma) {
      row.push(cell);
      cell = "";
    } else if (c === "\n") end();
    else if (c !== "\r" || source[i + 1] !== "\n") cell += c;
  }
  end();
  return rows;
}

/** Saves a text as a file. The mark in front lets Excel see that it is UTF-8. */
export function downloadCsv(name: string, csv: string): void {
  const url = URL.createObjectURL(new Blob(["\uFEFF", csv], { type: "text/csv;charset=utf-8" }));
  const a = document.createElement("a");
  a.href = url;
  a.download = `${name.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.csv`;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

import type { MendRule, MendStep } from "./queries";

/** What a step needs beside its field, so that the server takes it. */
export function complete(step: MendStep): boolean {
  if (step.field.trim() === "") return false;
  switch (step.do) {
    case "rename":
    case "cast":
      return Boolean(step.to?.trim());
    case "split":
      return Boolean(step.by);
    case "default":
      return step.value !== undefined && step.value !== null && step.value !== "";
    case "set":
      return Boolean(step.expression?.trim());
    case "drop":
      return true;
  }
}

/** The step of another kind on the same field: what does not belong to it goes. */
export function changeKind(step: MendStep, kind: MendStep["do"]): MendStep {
  const next: MendStep = { do: kind, field: step.field };
  if (kind === "cast") next.to = "number";
  if (kind === "set") next.expression = step.expression ?? "value";
  return next;
}

const read = ["event", "properties.", "traits.", "context."];

/** A field that the edge reads before any rule: a rule on it repairs the past and cannot hold for what comes. */
export function readByEdge(rule: MendRule): string | undefined {
  for (const s of rule.steps) {
    for (const f of [
      s.field,
      ...(s.do === "rename" && s.field !== "event" && s.to ? [s.to] : []),
      ...(s.into ?? []),
    ])
      if (f && !read.some((r) => (r.endsWith(".") ? f.startsWith(r) : f === r))) return f;
  }
  return undefined;
}

export interface DiffLine {
  sign: " " | "-" | "+";
  text: string;
}

const most = 400;

/** What is different between two texts, line by line; of very long ones only what stands between their equal ends. */
export function diffLines(before: string, after: string): DiffLine[] {
  let a = before.split("\n");
  let b = after.split("\n");
  const head: DiffLine[] = [];
  const tail: DiffLine[] = [];
  while (a.length > 0 && b.length > 0 && a[0] === b[0]) {
    head.push({ sign: " ", text: a[0] ?? "" });
    a = a.slice(1);
    b = b.slice(1);
  }
  while (a.length > 0 && b.length > 0 && a[a.length - 1] === b[b.length - 1]) {
    tail.unshift({ sign: " ", text: a[a.length - 1] ?? "" });
    a = a.slice(0, -1);
    b = b.slice(0, -1);
  }
  return [...head, ...middle(a, b), ...tail];
}

function middle(a: string[], b: string[]): DiffLine[] {
  const gone = (text: string): DiffLine => ({ sign: "-", text });
  const come = (text: string): DiffLine => ({ sign: "+", text });
  if (a.length > most || b.length > most) return [...a.map(gone), ...b.map(come)];
  // The longest common sequence from each pair of places on.
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, k: number) => common[i]?.[k] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--) {
      const row = common[i];
      if (row) row[k] = a[i] === b[k] ? at(i + 1, k + 1) + 1 : Math.max(at(i + 1, k), at(i, k + 1));
    }
  const out: DiffLine[] = [];
  let i = 0;
  let k = 0;
  while (i < a.length || k < b.length) {
    const x = a[i];
    const y = b[k];
    if (x !== undefined && x === y) {
      out.push({ sign: " ", text: x });
      i++;
      k++;
    } else if (x !== undefined && (y === undefined || at(i + 1, k) >= at(i, k + 1))) {
      out.push(gone(x));
      i++;
    } else if (y !== undefined) {
      out.push(come(y));
      k++;
    }
  }
  return out;
}

/** The changed lines and some around them; a gap is null. */
export function around(lines: readonly DiffLine[], context = 2): (DiffLine | null)[] {
  const near = lines.map((_, i) =>
    lines.slice(Math.max(0, i - context), i + context + 1).some((l) => l.sign !== " "),
  );
  const out: (DiffLine | null)[] = [];
  lines.forEach((line, i) => {
    if (near[i]) out.push(line);
    else if (out.length > 0 && out[out.length - 1] !== null) out.push(null);
  });
  if (out[out.length - 1] === null) out.pop();
  return out;
}

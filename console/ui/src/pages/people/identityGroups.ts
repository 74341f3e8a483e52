import type { IdentityNode } from "@/api/types";
import { strongestFirst } from "@/lib/identifiers";

/** A box of the drawing of many: one identifier, or the rest of a kind that found no room. */
export interface GroupBox {
  id: string;
  nodes: IdentityNode[];
  x: number;
  y: number;
}

/** All identifiers of a kind, side by side under its name. */
export interface Group {
  kind: string;
  count: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface GroupsOptions {
  /** So many boxes side by side. */
  columns: number;
  open: ReadonlySet<string>;
  keep: ReadonlySet<number>;
}

/** Smaller than boxes that stand alone: the kind is said once for all of a group. */
export const groupedBox = { width: 168, height: 28 };
const gap = { x: 10, y: 8, groups: 32 };
const head = 26;
const shown = 40; // of a kind, until someone opens it
const most = 200; // in all
const sweeps = 3;

/**
 * Many identifiers, the strongest kind first. Within a kind they stand near those that they are connected with, so that
 * lines are short: by the middle of their neighbours, a few times over. It takes a few looks at each line, never a search.
 */
export function layOutGroups(
  nodes: readonly IdentityNode[],
  edges: readonly { from: number; to: number }[],
  o: GroupsOptions,
): { boxes: GroupBox[]; groups: Group[]; width: number; height: number; hidden: number; steps: number } {
  let steps = 0;
  const kinds = new Map<string, IdentityNode[]>();
  // In an order of their own, so that the same graph is drawn the same, however it comes.
  for (const n of strongestFirst(nodes.toSorted((a, b) => a.id - b.id))) {
    steps++;
    const list = kinds.get(n.kind);
    if (list) list.push(n);
    else kinds.set(n.kind, [n]);
  }
  const around = new Map<number, number[]>();
  const meet = (a: number, b: number) => {
    steps++;
    const list = around.get(a);
    if (list) list.push(b);
    else around.set(a, [b]);
  };
  for (const e of edges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    meet(e.from, e.to);
    meet(e.to, e.from);
  }
  const place = new Map<number, number>(); // within the kind, from 0 to 1
  const number = (list: IdentityNode[]) =>
    list.forEach((n, i) => {
      steps++;
      place.set(n.id, (i + 0.5) / list.length);
    });
  for (const list of kinds.values()) number(list);
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (const list of kinds.values()) {
      const middle = new Map(
        list.map((n) => {
          const near = (around.get(n.id) ?? []).toSorted((a, b) => a - b);
          steps += near.length + 1;
          const sum = near.reduce((s, id) => s + (place.get(id) ?? 0.5), 0);
          return [n.id, near.length > 0 ? sum / near.length : (place.get(n.id) ?? 0)] as const;
        }),
      );
      list.sort((a, b) => (middle.get(a.id) ?? 0) - (middle.get(b.id) ?? 0) || a.id - b.id);
      number(list);
    }
  const boxes: GroupBox[] = [];
  const groups: Group[] = [];
  let [x, y, below, widest, room, free] = [16, 16, 16, 0, most, o.columns];
  let hidden = 0;
  for (const [kind, list] of kinds) {
    // What must be seen comes first, where there is no room for all.
    const wanted = Math.min(o.open.has(`kind|${kind}`) ? most : shown, room);
    let seen = list;
    if (list.length > wanted) {
      const kept = new Set(
        [...list.filter((n) => o.keep.has(n.id)), ...list].slice(0, wanted).map((n) => n.id),
      );
      seen = list.filter((n) => kept.has(n.id));
    }
    room -= seen.length;
    steps += list.length;
    const inGroup: GroupBox[] = seen.map((n) => ({ id: `n${n.id}`, nodes: [n], x: 0, y: 0 }));
    if (seen.length < list.length) {
      const there = new Set(seen);
      const rest = list.filter((n) => !there.has(n));
      if (room > 0) inGroup.push({ id: `kind|${kind}|rest`, nodes: rest, x: 0, y: 0 });
      else hidden += rest.length;
    }
    if (inGroup.length === 0) continue;
    // Small groups share a shelf.
    const columns = Math.min(inGroup.length, o.columns);
    if (columns > free) {
      [x, y, free] = [16, below + gap.groups, o.columns];
    }
    inGroup.forEach((b, i) => {
      b.x = x + (i % columns) * (groupedBox.width + gap.x);
      b.y = y + head + Math.floor(i / columns) * (groupedBox.height + gap.y);
    });
    const width = columns * (groupedBox.width + gap.x) - gap.x;
    const height = head + Math.ceil(inGroup.length / columns) * (groupedBox.height + gap.y) - gap.y;
    groups.push({ kind, count: list.length, x, y, width, height });
    boxes.push(...inGroup);
    below = Math.max(below, y + height);
    widest = Math.max(widest, x + width);
    x += width + gap.groups;
    free -= columns;
  }
  return { boxes, groups, width: widest + 16, height: below + 16, hidden, steps };
}

import dagre from "@dagrejs/dagre";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { strongestFirst } from "@/lib/identifiers";
import { type Group, groupedBox, layOutGroups } from "./identityGroups";

/** One identifier, or many of a kind that hang on the same others: two hundred visits are one box. */
export interface Box {
  id: string;
  nodes: IdentityNode[];
  x: number;
  y: number;
}
/** What connects two boxes, with the way that keeps clear of the others. */
export interface Line {
  id: string;
  from: string;
  to: string;
  evidence: IdentityEdge["evidence"][];
  count: number;
  onPath: boolean;
  points: { x: number; y: number }[];
  label: { x: number; y: number; text: string } | null;
}
export interface Layout {
  boxes: Box[];
  lines: Line[];
  width: number;
  height: number;
  /** Identifiers that found no room. */
  hidden: number;
  /** Of each box. */
  box: { width: number; height: number };
  /** Of many identifiers: the kinds that they stand under. */
  groups: Group[];
}

export const boxSize = { width: 192, height: 48 };
const together = 4; // so many alike are one box
const opened = 24; // so many of an opened box are shown one by one
const layered = 40; // more boxes than that stand by kind
const mostLabels = 40;
const shift = 16; // labels stand nearer to where a line leads, so that it has room to turn before

export interface LayoutOptions {
  /** Without words at the lines: on a telephone. */
  bare: boolean;
  /** Boxes that someone has opened. */
  open: ReadonlySet<string>;
  /** Identifiers that must be seen one by one: the ends and the path between them. */
  keep: ReadonlySet<number>;
  path: readonly IdentityEdge[];
  word: (evidence: IdentityEdge["evidence"]) => string;
}

const pair = (a: number | string, b: number | string) => (a < b ? `${a}-${b}` : `${b}-${a}`);

/** Layers from left to right, the strongest identifier first. */
export function layOut(graph: IdentityGraph, o: LayoutOptions): Layout {
  const shown = collapse(graph, o);
  if (shown.length > layered) return grouped(graph, o);
  const boxOf = new Map(shown.flatMap((b) => b.nodes.map((n) => [n.id, b.id] as const)));
  const lines = connect(graph.edges, boxOf, o);
  direct(lines, shown[0]?.id);
  const labelled = !o.bare && lines.length <= mostLabels;

  const g = new dagre.graphlib.Graph();
  g.setGraph({
    rankdir: "LR",
    nodesep: 20,
    edgesep: 16,
    ranksep: labelled ? 72 : 64,
    marginx: 16,
    marginy: 16,
  });
  for (const b of shown) g.setNode(b.id, { ...boxSize });
  const text = (l: Line) => l.evidence.map(o.word).join(" · ");
  for (const l of lines) {
    g.setEdge(l.from, l.to, labelled ? { width: textWidth(text(l)) + 12, height: 20, labelpos: "c" } : {});
  }
  dagre.layout(g);
  const boxes = shown.map((b) => {
    const at = g.node(b.id);
    return { ...b, x: at.x - boxSize.width / 2, y: at.y - boxSize.height / 2 };
  });
  const at = new Map(boxes.map((b) => [b.id, b]));
  const laid = lines.map((l) => {
    const e = g.edge(l.from, l.to);
    const words = text(l);
    const label = labelled && e.x !== undefined && e.y !== undefined ? { x: e.x, y: e.y, text: words } : null;
    return { ...l, label, points: e.points };
  });
  // How far what stands in a layer reaches to both sides: lines run level there.
  const reach = new Map<number, number>();
  const note = (x: number, half: number) =>
    reach.set(Math.round(x), Math.max(reach.get(Math.round(x)) ?? 0, half));
  for (const b of boxes) note(b.x + boxSize.width / 2, boxSize.width / 2);
  const worded = new Set<number>();
  for (const { label } of laid) {
    if (!label) continue;
    note(label.x, textWidth(label.text) / 2 + 6);
    worded.add(Math.round(label.x));
  }
  const size = g.graph();
  return {
    boxes,
    lines: laid.map((l) => ({
      ...l,
      points: between(at.get(l.from), at.get(l.to), l.points.slice(1, -1), reach, worded),
      label: l.label && { ...l.label, x: l.label.x + shift },
    })),
    width: size.width ?? 0,
    height: size.height ?? 0,
    hidden: 0,
    box: boxSize,
    groups: [],
  };
}

/** Many identifiers, by kind. Lines run straight from box to box, behind all boxes. */
function grouped(graph: IdentityGraph, o: LayoutOptions): Layout {
  const laid = layOutGroups(graph.nodes, graph.edges, {
    columns: o.bare ? 2 : 5,
    open: o.open,
    keep: o.keep,
  });
  const at = new Map(laid.boxes.map((b) => [b.id, b]));
  const boxOf = new Map(laid.boxes.flatMap((b) => b.nodes.map((n) => [n.id, b.id] as const)));
  const middle = (id: string) => {
    const b = at.get(id);
    return { x: (b?.x ?? 0) + groupedBox.width / 2, y: (b?.y ?? 0) + groupedBox.height / 2 };
  };
  return {
    ...laid,
    box: groupedBox,
    lines: connect(graph.edges, boxOf, o).map((l) => ({ ...l, points: [middle(l.from), middle(l.to)] })),
  };
}

/** Puts identifiers of a kind with the same neighbours into one box. */
function collapse(graph: IdentityGraph, o: LayoutOptions): Box[] {
  const neighbours = new Map<number, Set<number>>();
  const meet = (a: number, b: number) => neighbours.set(a, (neighbours.get(a) ?? new Set()).add(b));
  for (const e of graph.edges) {
    meet(e.from, e.to);
    meet(e.to, e.from);
  }
  const groups = new Map<string, IdentityNode[]>();
  for (const n of strongestFirst(graph.nodes)) {
    const around = [...(neighbours.get(n.id) ?? [])].sort((a, b) => a - b);
    const key = o.keep.has(n.id) || around.length > 3 ? `n${n.id}` : `${n.kind}|${around.join(",")}`;
    const group = groups.get(key);
    if (group) group.push(n);
    else groups.set(key, [n]);
  }
  const boxes: Box[] = [];
  const single = (n: IdentityNode) => boxes.push({ id: `n${n.id}`, nodes: [n], x: 0, y: 0 });
  for (const [key, nodes] of groups) {
    if (nodes.length < together) {
      nodes.forEach(single);
    } else if (!o.open.has(key)) {
      boxes.push({ id: key, nodes, x: 0, y: 0 });
    } else {
      nodes.slice(0, opened).forEach(single);
      const rest = nodes.slice(opened);
      if (rest.length > 0) boxes.push({ id: `${key}|rest`, nodes: rest, x: 0, y: 0 });
    }
  }
  return boxes;
}

function connect(edges: readonly IdentityEdge[], boxOf: Map<number, string>, o: LayoutOptions): Line[] {
  const onPath = new Set(o.path.map((e) => pair(e.from, e.to)));
  const lines = new Map<string, Line>();
  for (const e of edges) {
    const [from, to] = [boxOf.get(e.from), boxOf.get(e.to)];
    if (!from || !to || from === to) continue;
    const id = pair(from, to);
    const line = lines.get(id) ?? {
      id,
      from,
      to,
      evidence: [],
      count: 0,
      onPath: false,
      points: [],
      label: null,
    };
    if (!line.evidence.includes(e.evidence)) line.evidence.push(e.evidence);
    line.count += e.count;
    line.onPath ||= onPath.has(pair(e.from, e.to));
    lines.set(id, line);
  }
  return [...lines.values()];
}

/** Turns every line away from the box that stands first. */
function direct(lines: Line[], start: string | undefined) {
  const around = new Map<string, string[]>();
  for (const l of lines) {
    around.set(l.from, [...(around.get(l.from) ?? []), l.to]);
    around.set(l.to, [...(around.get(l.to) ?? []), l.from]);
  }
  const depth = new Map<string, number>();
  const queue = start === undefined ? [] : [start];
  if (start !== undefined) depth.set(start, 0);
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const other of around.get(at) ?? []) {
      if (depth.has(other)) continue;
      depth.set(other, (depth.get(at) ?? 0) + 1);
      queue.push(other);
    }
  }
  for (const l of lines) {
    if ((depth.get(l.from) ?? 0) > (depth.get(l.to) ?? 0)) [l.from, l.to] = [l.to, l.from];
  }
}

/** About how wide a text of 11 px is. */
export function textWidth(text: string): number {
  let w = 0;
  for (const c of text) w += (c.codePointAt(0) ?? 0) > 0x2e7f ? 11 : 6;
  return w;
}

/** From the middle of one box's side to the middle of the other's, level where other things stand. */
function between(
  a: Box | undefined,
  b: Box | undefined,
  inner: Line["points"],
  reach: ReadonlyMap<number, number>,
  worded: ReadonlySet<number>,
): Line["points"] {
  if (!a || !b) return inner;
  const forward = a.x <= b.x; // two of one layer may be the other way round
  const side = (box: Box, right: boolean) => ({
    x: right ? box.x + boxSize.width : box.x,
    y: box.y + boxSize.height / 2,
  });
  const level = inner.flatMap((p) => {
    const half = reach.get(Math.round(p.x)) ?? 0;
    if (half === 0) return [p];
    const by = worded.has(Math.round(p.x)) ? shift : 0;
    const ends = [p.x + by - half, p.x + by + half];
    return (forward ? ends : ends.reverse()).map((x) => ({ x, y: p.y }));
  });
  return [side(a, forward), ...level, side(b, !forward)];
}

/** A line through points that leaves and reaches each of them level. */
export function smooth(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let d = `M${first.x},${first.y}`;
  let last = first;
  for (const p of rest) {
    const mx = (last.x + p.x) / 2;
    d += ` C${mx},${last.y} ${mx},${p.y} ${p.x},${p.y}`;
    last = p;
  }
  return d;
}

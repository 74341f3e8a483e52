import dagre from "@dagrejs/dagre";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { strongestFirst } from "@/lib/identifiers";

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
}

export const boxSize = { width: 192, height: 48 };
const together = 4; // so many alike are one box
const opened = 24; // so many of an opened box are shown one by one
const most = 120;
const mostLabels = 40;

export interface LayoutOptions {
  /** Downwards, on a telephone. */
  down: boolean;
  /** Boxes that someone has opened. */
  open: ReadonlySet<string>;
  /** Identifiers that must be seen one by one: the ends and the path between them. */
  keep: ReadonlySet<number>;
  path: readonly IdentityEdge[];
  word: (evidence: IdentityEdge["evidence"]) => string;
}

const pair = (a: number | string, b: number | string) => (a < b ? `${a}-${b}` : `${b}-${a}`);

/** Layers from left to right (downwards on a telephone), the strongest identifier first. */
export function layOut(graph: IdentityGraph, o: LayoutOptions): Layout {
  const all = collapse(graph, o);
  const shown = all.slice(0, most);
  const boxOf = new Map(shown.flatMap((b) => b.nodes.map((n) => [n.id, b.id] as const)));
  const lines = connect(graph.edges, boxOf, o);
  direct(lines, shown[0]?.id);
  const labelled = lines.length <= mostLabels;

  const g = new dagre.graphlib.Graph();
  g.setGraph({
    rankdir: o.down ? "TB" : "LR",
    nodesep: 20,
    edgesep: 16,
    ranksep: o.down ? 32 : 40,
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
  const size = g.graph();
  return {
    boxes,
    lines: lines.map((l) => {
      const e = g.edge(l.from, l.to);
      return {
        ...l,
        points: e.points,
        label: labelled && e.x !== undefined && e.y !== undefined ? { x: e.x, y: e.y, text: text(l) } : null,
      };
    }),
    width: size.width ?? 0,
    height: size.height ?? 0,
    hidden: all.slice(most).reduce((n, b) => n + b.nodes.length, 0),
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

/** A line through points with its corners rounded off. */
export function smooth(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let d = `M${first.x},${first.y}`;
  rest.forEach((p, i) => {
    const next = rest[i + 1];
    d += next ? ` Q${p.x},${p.y} ${(p.x + next.x) / 2},${(p.y + next.y) / 2}` : ` L${p.x},${p.y}`;
  });
  return d;
}

import { expect, test } from "vitest";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { boxSize, layOut, smooth, textWidth } from "./identityLayout";

const node = (id: number, kind: string): IdentityNode => ({
  id,
  kind,
  value: `${kind}-${id}`,
  person: "p_1",
  first_seen: "2026-01-01T00:00:00.000Z",
  last_seen: "2026-01-01T00:00:00.000Z",
  events: 1,
});
const edge = (from: number, to: number, evidence: IdentityEdge["evidence"] = "event"): IdentityEdge => ({
  from,
  to,
  evidence,
  message_id: "m",
  source: "src_1",
  time: "2026-01-01T00:00:00.000Z",
  last_time: "2026-01-01T00:00:00.000Z",
  count: 2,
});
const graph = (nodes: IdentityNode[], edges: IdentityEdge[]): IdentityGraph => ({
  person: "p_1",
  nodes,
  edges,
  merges: [],
  dropped: [],
  parted: [],
});
const options = {
  bare: false,
  open: new Set<string>(),
  keep: new Set<number>(),
  path: [],
  word: (e: string) => e,
};

/** Places on the curve that is drawn through points. */
function along(points: { x: number; y: number }[]) {
  return points.flatMap((p, i) => {
    const q = points[i + 1];
    if (!q) return [p];
    return Array.from({ length: 20 }, (_, n) => {
      const u = n / 20;
      const bend = (a: number, b: number, c: number, d: number) =>
        (1 - u) ** 3 * a + 3 * u * (1 - u) ** 2 * b + 3 * u * u * (1 - u) * c + u ** 3 * d;
      const mx = (p.x + q.x) / 2;
      return { x: bend(p.x, mx, mx, q.x), y: bend(p.y, p.y, q.y, q.y) };
    });
  });
}

/** A user with phones, a mail address, and very many visits under two of them. */
function busy(visits: number): IdentityGraph {
  const nodes = [
    node(1, "user_id"),
    node(2, "phone"),
    node(3, "email"),
    node(4, "openid"),
    node(5, "device_id"),
  ];
  const edges = [
    edge(1, 2, "identify"),
    edge(1, 3, "identify"),
    edge(1, 3),
    edge(2, 4),
    edge(4, 5),
    edge(1, 5),
  ];
  for (let i = 0; i < visits; i++) {
    nodes.push(node(10 + i, "anonymous_id"));
    edges.push(edge(10 + i, i % 3 === 0 ? 5 : 1));
  }
  return graph(nodes, edges);
}

test("two hundred visits are a counted box, which can be opened", () => {
  const g = busy(200);
  const laid = layOut(g, options);
  expect(laid.boxes.length).toBe(7);
  expect(laid.boxes.map((b) => b.nodes.length).sort((a, b) => b - a)[0]).toBe(133);
  const big = laid.boxes.find((b) => b.nodes.length === 133);
  const open = layOut(g, { ...options, open: new Set([big?.id ?? ""]) });
  expect(open.boxes.length).toBe(7 - 1 + 24 + 1);
  expect(open.boxes.reduce((n, b) => n + b.nodes.length, 0)).toBe(g.nodes.length);
});

test("what is asked for is never hidden in a box", () => {
  const laid = layOut(busy(200), { ...options, keep: new Set([11]) });
  expect(laid.boxes.some((b) => b.nodes.length === 1 && b.nodes[0]?.id === 11)).toBe(true);
});

test.each([3, 12, 60, 500])("with %i visits nothing covers anything else", (n) => {
  for (const bare of [false, true]) {
    const laid = layOut(busy(n), { ...options, bare });
    const areas = [
      ...laid.boxes.map((b) => ({ id: b.id, x: b.x, y: b.y, w: boxSize.width, h: boxSize.height })),
      ...laid.lines.flatMap((l) =>
        l.label
          ? [
              {
                id: l.id,
                x: l.label.x - textWidth(l.label.text) / 2,
                y: l.label.y - 8,
                w: textWidth(l.label.text),
                h: 16,
              },
            ]
          : [],
      ),
    ];
    for (const [i, a] of areas.entries())
      for (const b of areas.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${a.id} and ${b.id}`).toBe(true);
      }
    // No line runs through a box that it does not belong to.
    for (const l of laid.lines)
      for (const b of laid.boxes) {
        if (b.id === l.from || b.id === l.to) continue;
        for (const p of along(l.points))
          expect(
            p.x > b.x + 1 && p.x < b.x + boxSize.width - 1 && p.y > b.y + 1 && p.y < b.y + boxSize.height - 1,
            `${l.id} through ${b.id}`,
          ).toBe(false);
      }
    // Nor through the words at another line.
    for (const l of laid.lines)
      for (const { id, label } of laid.lines) {
        if (!label || id === l.id) continue;
        const half = textWidth(label.text) / 2;
        const hit = along(l.points).some(
          (p) => Math.abs(p.x - label.x) < half && Math.abs(p.y - label.y) < 8,
        );
        expect(hit, `${l.id} through the words of ${id}`).toBe(false);
      }
  }
});

test("several kinds of evidence between two are one line that names them", () => {
  const laid = layOut(busy(0), options);
  const line = laid.lines.find((l) => l.id === "n1-n3");
  expect(line?.label?.text).toBe("identify · event");
  expect(line?.count).toBe(4);
});

test("very many boxes are cut, and the rest is told", () => {
  const nodes = Array.from({ length: 300 }, (_, i) => node(i + 1, i === 0 ? "user_id" : `kind_${i}`));
  const laid = layOut(
    graph(
      nodes,
      nodes.slice(1).map((n) => edge(1, n.id)),
    ),
    options,
  );
  expect(laid.boxes.length).toBe(120);
  expect(laid.hidden).toBe(180);
});

test("a way through points leaves and reaches each of them level", () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 20, y: 10 },
  ];
  expect(smooth(points)).toBe("M0,0 C5,0 5,0 10,0 C15,0 15,10 20,10");
  expect(smooth([])).toBe("");
});

test("lines leave and reach boxes at the middle of a side", () => {
  const laid = layOut(busy(3), options);
  for (const l of laid.lines) {
    const [a, b] = [laid.boxes.find((x) => x.id === l.from), laid.boxes.find((x) => x.id === l.to)];
    expect(l.points[0]).toEqual({ x: (a?.x ?? 0) + boxSize.width, y: (a?.y ?? 0) + boxSize.height / 2 });
    expect(l.points.at(-1)).toEqual({ x: b?.x, y: (b?.y ?? 0) + boxSize.height / 2 });
  }
});

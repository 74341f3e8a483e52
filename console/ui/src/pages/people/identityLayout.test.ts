import { expect, test } from "vitest";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { groupedBox, layOutGroups } from "./identityGroups";
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

/** A person of so many identifiers, connected as they come: hardly two of them hang on the same others. */
function tangled(n: number): IdentityGraph {
  const kinds = ["user_id", "phone", "email", "openid", "device_id", "anonymous_id"];
  const kindOf = (i: number) =>
    i === 0 ? "user_id" : (kinds[1 + Math.floor((5 * i * i) / (n * n))] ?? "email");
  const nodes = Array.from({ length: n }, (_, i) => node(i + 1, kindOf(i)));
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const edges = nodes
    .slice(1)
    .flatMap((x, i) => [edge(1 + random(i + 1), x.id), edge(1 + random(i + 1), x.id)]);
  return graph(
    nodes,
    edges.filter((e) => e.from !== e.to),
  );
}

test.each([60, 200, 1000])("%i tangled identifiers stand by kind, none upon another", (n) => {
  for (const bare of [false, true]) {
    const g = tangled(n);
    const laid = layOut(g, { ...options, bare });
    expect(laid.groups.length).toBeGreaterThan(1);
    const inBoxes = laid.boxes.reduce((sum, b) => sum + b.nodes.length, 0);
    expect(inBoxes + laid.hidden).toBe(n);
    expect(laid.boxes.length).toBeLessThanOrEqual(200 + laid.groups.length);
    const apart = (a: { x: number; y: number }, b: { x: number; y: number }) =>
      Math.abs(a.x - b.x) >= groupedBox.width || Math.abs(a.y - b.y) >= groupedBox.height;
    for (const [i, a] of laid.boxes.entries())
      for (const b of laid.boxes.slice(i + 1)) if (!apart(a, b)) expect(`${a.id} is upon ${b.id}`).toBe("");
    // Each stands within its kind, and no kind on another.
    for (const b of laid.boxes) {
      const of = laid.groups.find((x) => x.kind === b.nodes[0]?.kind);
      expect(of && b.x >= of.x && b.x + groupedBox.width <= of.x + of.width, b.id).toBe(true);
      expect(of && b.y >= of.y && b.y + groupedBox.height <= of.y + of.height, b.id).toBe(true);
    }
    for (const [i, a] of laid.groups.entries())
      for (const b of laid.groups.slice(i + 1))
        expect(
          a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y,
        ).toBe(true);
    if (bare) expect(laid.width).toBeLessThan(2 * groupedBox.width + 64 + 32);
  }
});

test("the same graph is drawn the same, in whatever order it comes", () => {
  const g = tangled(200);
  const turned = graph([...g.nodes].reverse(), [...g.edges].reverse());
  const places = (x: IdentityGraph) =>
    layOut(x, options)
      .boxes.map((b) => `${b.id} ${b.x} ${b.y}`)
      .sort();
  expect(places(turned)).toEqual(places(g));
});

test("a drawing of many takes a few looks at each identifier and line", () => {
  for (const n of [200, 1000]) {
    const g = tangled(n);
    const laid = layOutGroups(g.nodes, g.edges, {
      columns: 5,
      open: new Set(),
      keep: new Set(),
    });
    expect(laid.steps).toBeLessThan(12 * (g.nodes.length + g.edges.length));
  }
});

test("what is asked for has room among many, and a kind can be opened", () => {
  const g = tangled(200);
  const last = g.nodes.at(-1)?.id ?? 0;
  const shown = (laid: ReturnType<typeof layOut>) => laid.boxes.filter((b) => b.nodes.length === 1).length;
  const laid = layOut(g, { ...options, keep: new Set([last]) });
  expect(laid.boxes.some((b) => b.nodes.length === 1 && b.nodes[0]?.id === last)).toBe(true);
  const rest = laid.boxes.find((b) => b.id.endsWith("|rest"));
  const open = layOut(g, { ...options, open: new Set([rest?.id.replace(/\|rest$/, "") ?? ""]) });
  expect(shown(open)).toBeGreaterThan(shown(laid));
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

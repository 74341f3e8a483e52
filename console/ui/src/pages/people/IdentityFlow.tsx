import dagre from "@dagrejs/dagre";
import {
  Background,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  useReactFlow,
} from "@xyflow/react";
import { Maximize, Minus, Plus } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { useMode } from "@/app/appearance";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { useSmall } from "@/lib/useMedia";
import "@xyflow/react/dist/base.css";

type FlowNode = Node<
  { node: IdentityNode; label: string; end: boolean; onPath: boolean; down: boolean },
  "identifier"
>;

const width = 176;
const height = 48;
const edgeKey = (e: IdentityEdge) => `${Math.min(e.from, e.to)}-${Math.max(e.from, e.to)}`;

/** The graph as a drawing. The list beside it holds the same, for who does not see it. */
export function IdentityFlow(props: {
  graph: IdentityGraph;
  limit: number;
  path: IdentityEdge[];
  ends: string[];
  onChoose: (n: IdentityNode) => void;
  label: string;
}) {
  const mode = useMode();
  const labels = useLabels();
  const { t } = useTranslation();
  const { graph, path, ends, limit } = props;

  const small = useSmall();
  const laid = useMemo(() => layout(graph, limit, small), [graph, limit, small]);
  const { nodes, edges } = useMemo(() => {
    const onPath = new Set(path.flatMap((e) => [e.from, e.to]));
    const pathEdges = new Set(path.map(edgeKey));
    const nodes: FlowNode[] = laid.nodes.map(({ node, x, y }) => ({
      id: String(node.id),
      type: "identifier",
      position: { x, y },
      width,
      height,
      draggable: false,
      data: {
        node,
        label: labels.identifierKind(node.kind),
        end: ends.includes(`${node.kind}:${node.value}`),
        onPath: onPath.has(node.id),
        down: small,
      },
    }));
    const edges: Edge[] = laid.edges.map((e) => ({
      id: edgeKey(e),
      source: String(e.from),
      target: String(e.to),
      label: t(`people.identity.evidence.${e.evidence}`),
      className: pathEdges.has(edgeKey(e)) ? "on-path" : "",
      focusable: false,
    }));
    return { nodes, edges };
  }, [laid, path, ends, labels, t, small]);

  return (
    <ReactFlow
      key={small ? "down" : "right"}
      aria-label={props.label}
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      onNodeClick={(_, n) => props.onChoose(n.data.node)}
      colorMode={mode}
      fitView
      fitViewOptions={{ padding: 0.12, maxZoom: 1 }}
      minZoom={0.2}
      maxZoom={1.5}
      nodesConnectable={false}
      elementsSelectable={false}
      zoomOnScroll={false}
      preventScrolling={false}
      proOptions={{ hideAttribution: true }}
    >
      <Background gap={24} size={1} />
      <Controls />
    </ReactFlow>
  );
}

const nodeTypes = { identifier: IdentifierNode };

function IdentifierNode({ data }: NodeProps<FlowNode>) {
  return (
    <div
      className="flow-node"
      data-end={data.end || undefined}
      data-path={data.onPath || undefined}
      title={data.node.value}
    >
      <Handle type="target" position={data.down ? Position.Top : Position.Left} isConnectable={false} />
      <small>{data.label}</small>
      <code className="ellipsis">{data.node.value}</code>
      <Handle type="source" position={data.down ? Position.Bottom : Position.Right} isConnectable={false} />
    </div>
  );
}

function Controls() {
  const { t } = useTranslation();
  const flow = useReactFlow();
  return (
    <div className="flow-controls">
      <button
        type="button"
        className="icon-button"
        aria-label={t("people.identity.zoomIn")}
        onClick={() => void flow.zoomIn()}
      >
        <Plus />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("people.identity.zoomOut")}
        onClick={() => void flow.zoomOut()}
      >
        <Minus />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("people.identity.fit")}
        onClick={() => void flow.fitView({ padding: 0.12, maxZoom: 1 })}
      >
        <Maximize />
      </button>
    </div>
  );
}

/** Turns every line away from one identifier, which then stands on the left. */
export function outward(start: number | undefined, edges: IdentityEdge[]): IdentityEdge[] {
  const depth = new Map<number, number>();
  if (start !== undefined) depth.set(start, 0);
  const queue = start === undefined ? [] : [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const e of edges) {
      const other = e.from === at ? e.to : e.to === at ? e.from : undefined;
      if (other === undefined || depth.has(other)) continue;
      depth.set(other, (depth.get(at) ?? 0) + 1);
      queue.push(other);
    }
  }
  return edges.map((e) =>
    (depth.get(e.from) ?? 0) > (depth.get(e.to) ?? 0) ? { ...e, from: e.to, to: e.from } : e,
  );
}

/** Layers from left to right, on a telephone downwards, by dagre; identifiers without a line stand apart. */
function layout(graph: IdentityGraph, limit: number, down: boolean) {
  const g = new dagre.graphlib.Graph();
  g.setGraph({
    rankdir: down ? "TB" : "LR",
    nodesep: 16,
    ranksep: down ? 48 : 104,
    marginx: 16,
    marginy: 16,
  });
  g.setDefaultEdgeLabel(() => ({}));
  const shown = graph.nodes.slice(0, limit);
  const ids = new Set(shown.map((n) => n.id));
  const seen = new Set<string>();
  const once = graph.edges.filter((e) => {
    const k = edgeKey(e);
    if (!ids.has(e.from) || !ids.has(e.to) || seen.has(k)) return false;
    seen.add(k);
    return true;
  });
  const edges = outward(strongestFirst(shown)[0]?.id, once);
  for (const n of shown) g.setNode(String(n.id), { width, height });
  for (const e of edges) g.setEdge(String(e.from), String(e.to));
  dagre.layout(g);
  const nodes = shown.map((node) => {
    const at = g.node(String(node.id));
    return { node, x: at.x - width / 2, y: at.y - height / 2 };
  });
  return { nodes, edges };
}

import {
  BaseEdge,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  useReactFlow,
} from "@xyflow/react";
import { Maximize, Minus, Plus } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { useFormat, useMode } from "@/app/appearance";
import { useLabels } from "@/lib/labels";
import { useSmall } from "@/lib/useMedia";
import { boxSize, type Line, layOut, smooth } from "./identityLayout";
import "@xyflow/react/dist/base.css";

type FlowNode = Node<
  {
    nodes: IdentityNode[];
    kind: string;
    text: string;
    hint: string;
    end: boolean;
    onPath: boolean;
    press: () => void;
  },
  "identifier"
>;
type FlowEdge = Edge<{ line: Line }, "evidence">;

// The buttons stand above what is drawn.
const padding = { top: "48px", right: "16px", bottom: "16px", left: "16px" } as const;
const fit = { padding, maxZoom: 1, minZoom: 0.6 };

/** The graph as a drawing. The list below it holds the same, for who does not see it. */
export function IdentityFlow(props: {
  graph: IdentityGraph;
  path: IdentityEdge[];
  ends: string[];
  onChoose: (n: IdentityNode) => void;
  label: string;
}) {
  const mode = useMode();
  const labels = useLabels();
  const format = useFormat();
  const { t } = useTranslation();
  const { graph, path, ends, onChoose } = props;
  const small = useSmall();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());

  const laid = useMemo(() => {
    const keep = new Set(path.flatMap((e) => [e.from, e.to]));
    for (const n of graph.nodes) if (ends.includes(`${n.kind}:${n.value}`)) keep.add(n.id);
    return layOut(graph, {
      bare: small,
      open,
      keep,
      path,
      word: (e) => t(`people.identity.evidence.${e}`),
    });
  }, [graph, path, ends, small, open, t]);

  const { nodes, edges } = useMemo(() => {
    const onPath = new Set(path.flatMap((e) => [e.from, e.to]));
    const nodes: FlowNode[] = laid.boxes.map(({ id, nodes, x, y }) => {
      const [first] = nodes;
      const many = nodes.length > 1;
      const kind = labels.identifierKind(first?.kind ?? "");
      const value = first?.value ?? "";
      return {
        id,
        type: "identifier",
        position: { x, y },
        ...boxSize,
        draggable: false,
        focusable: false,
        data: {
          nodes,
          kind,
          text: many ? t("people.identity.alike", { n: format.num(nodes.length) }) : value,
          hint: many ? t("people.identity.openAlike") : value,
          end: nodes.some((n) => ends.includes(`${n.kind}:${n.value}`)),
          onPath: nodes.some((n) => onPath.has(n.id)),
          press: () => {
            if (many) setOpen((was) => new Set(was).add(id.replace(/\|rest$/, "")));
            else if (first) onChoose(first);
          },
        },
      };
    });
    const edges: FlowEdge[] = laid.lines.map((line) => ({
      id: line.id,
      source: line.from,
      target: line.to,
      type: "evidence",
      data: { line },
      className: line.onPath ? "on-path" : "",
      focusable: false,
    }));
    return { nodes, edges };
  }, [laid, path, ends, labels, format, t, onChoose]);

  const height = Math.min(
    Math.max(laid.height * Math.min(1, (small ? 340 : 800) / Math.max(laid.width, 1)) + 32, 180),
    560,
  );
  return (
    <>
      <div className="identity-graph" style={{ height }}>
        <ReactFlow
          key={graph.person}
          aria-label={props.label}
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          colorMode={mode}
          fitView
          fitViewOptions={fit}
          minZoom={0.1}
          maxZoom={1.5}
          nodesConnectable={false}
          elementsSelectable={false}
          zoomOnScroll={false}
          preventScrolling={false}
          proOptions={{ hideAttribution: true }}
        >
          <Controls laid={laid} folded={open.size === 0} onFold={() => setOpen(new Set())} />
        </ReactFlow>
      </div>
      {laid.hidden > 0 && (
        <p className="muted card-pad">{t("people.identity.tooMany", { n: format.num(laid.hidden) })}</p>
      )}
    </>
  );
}

const nodeTypes = { identifier: IdentifierNode };
const edgeTypes = { evidence: EvidenceLine };

function IdentifierNode({ data }: NodeProps<FlowNode>) {
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <button
        type="button"
        className="flow-node nopan"
        data-end={data.end || undefined}
        data-path={data.onPath || undefined}
        data-many={data.nodes.length > 1 || undefined}
        title={data.hint}
        onClick={data.press}
      >
        <small>{data.kind}</small>
        <code className="ellipsis">{data.text}</code>
      </button>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
}

/** A line on the way that the layout found for it; its label lies above all lines. */
function EvidenceLine({ data }: EdgeProps<FlowEdge>) {
  if (!data) return null;
  const { line } = data;
  return (
    <>
      <BaseEdge path={smooth(line.points)} interactionWidth={0} />
      {line.label && (
        <EdgeLabelRenderer>
          <small
            className="flow-label"
            data-path={line.onPath || undefined}
            style={{ transform: `translate(-50%, -50%) translate(${line.label.x}px, ${line.label.y}px)` }}
          >
            {line.label.text}
          </small>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

function Controls({ laid, folded, onFold }: { laid: object; folded: boolean; onFold: () => void }) {
  const { t } = useTranslation();
  const flow = useReactFlow();
  // What has been opened or closed is brought into view.
  useEffect(() => {
    if (laid) void flow.fitView(fit);
  }, [laid, flow]);
  return (
    <div className="flow-controls">
      {!folded && (
        <button type="button" className="text-button" onClick={onFold}>
          {t("people.identity.fold")}
        </button>
      )}
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
        onClick={() => void flow.fitView({ ...fit, minZoom: 0.1 })}
      >
        <Maximize />
      </button>
    </div>
  );
}

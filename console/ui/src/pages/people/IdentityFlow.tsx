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
  type ReactFlowInstance,
  useReactFlow,
} from "@xyflow/react";
import { Maximize, Minus, Plus } from "lucide-react";
import { type KeyboardEvent, type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { IdentityEdge, IdentityGraph, IdentityNode } from "@/api/types";
import { useFormat, useMode } from "@/app/appearance";
import { useLabels } from "@/lib/labels";
import { useSmall } from "@/lib/useMedia";
import { EvidenceBetween } from "./EvidenceBetween";
import { arrows, matches, nextBox } from "./identityKeys";
import { type Layout, type Line, layOut, smooth } from "./identityLayout";
import "@xyflow/react/dist/base.css";

type FlowNode = Node<
  {
    nodes: IdentityNode[];
    kind: string;
    text: string;
    hint: string;
    end: boolean;
    onPath: boolean;
    /** Found by the search, or left out by it. */
    found: boolean | null;
    /** The tab key stops here. */
    stop: boolean;
    press: () => void;
    focus: () => void;
  },
  "identifier"
>;
type GroupNode = Node<{ kind: string; count: string }, "group-of-kind">;
type FlowEdge = Edge<{ line: Line }, "evidence">;
type Flow = ReactFlowInstance<FlowNode | GroupNode, FlowEdge>;

// The buttons stand above what is drawn.
const padding = { top: "48px", right: "16px", bottom: "16px", left: "16px" } as const;
const fit = { padding, maxZoom: 1, minZoom: 0.6 };
const fitAll = { ...fit, minZoom: 0.1 };

/** The graph as a drawing. The list below it holds the same, for who does not see it. */
export function IdentityFlow(props: {
  graph: IdentityGraph;
  path: IdentityEdge[];
  ends: string[];
  onChoose: (n: IdentityNode) => void;
  label: string;
}) {
  const mode = useMode();
  const { t } = useTranslation();
  const format = useFormat();
  const { graph, path, ends } = props;
  const small = useSmall();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState("");
  const [at, setAt] = useState<string>();
  const [between, setBetween] = useState<string>();
  const flow = useRef<Flow>(null);
  const frame = useRef<HTMLDivElement>(null);

  const laid = useMemo(() => {
    const keep = new Set(path.flatMap((e) => [e.from, e.to]));
    for (const n of graph.nodes)
      if (ends.includes(`${n.kind}:${n.value}`) || matches(n, search)) keep.add(n.id);
    return layOut(graph, {
      bare: small,
      open,
      keep,
      path,
      word: (e) => t(`people.identity.evidence.${e}`),
    });
  }, [graph, path, ends, search, small, open, t]);
  const many = laid.groups.length > 0;
  const { nodes, edges } = useDrawing(laid, {
    ...props,
    search,
    at,
    between,
    small,
    onOpen: (id) => setOpen((was) => new Set(was).add(id)),
    onFocus: setAt,
  });

  const show = (id: string | undefined) => {
    if (!id) return;
    setAt(id);
    const b = laid.boxes.find((x) => x.id === id);
    if (b && flow.current && !inView(b, laid.box, flow.current.getViewport(), frame.current))
      void flow.current?.setCenter(b.x + laid.box.width / 2, b.y + laid.box.height / 2, {
        zoom: Math.max(flow.current.getZoom(), 0.8),
        duration: 120,
      });
    frame.current
      ?.querySelector<HTMLElement>(`[data-box="${CSS.escape(id)}"]`)
      ?.focus({ preventScroll: true });
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.target instanceof HTMLInputElement) return;
    const way = arrows[e.key];
    if (way) show(nextBox(laid.boxes, at, way));
    else if (e.key === "+" || e.key === "=") void flow.current?.zoomIn();
    else if (e.key === "-") void flow.current?.zoomOut();
    else if (e.key === "0") void flow.current?.fitView(fitAll);
    else if (e.key === "Escape") setBetween(undefined);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  // From one that is found to the next.
  const onFind = () => {
    const found = laid.boxes.filter((b) => b.nodes.some((n) => matches(n, search)));
    const i = found.findIndex((b) => b.id === at);
    show(found[(i + 1) % Math.max(found.length, 1)]?.id);
  };
  const found = search ? graph.nodes.filter((n) => matches(n, search)).length : 0;

  const scale = Math.min(1, (small ? 340 : 800) / Math.max(laid.width, 1));
  const height = Math.min(Math.max(laid.height * scale + (many ? 56 : 32), 180), many ? 680 : 560);
  const line = between ? laid.lines.find((l) => l.id === between) : undefined;
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: its buttons are focused, and keys move between them */}
      <div
        className="identity-graph"
        style={{ height }}
        ref={frame}
        onKeyDown={onKeyDown}
        data-many={many || undefined}
      >
        <ReactFlow
          key={graph.person}
          aria-label={props.label}
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          colorMode={mode}
          {...(many ? {} : { fitView: true, fitViewOptions: fit })}
          minZoom={0.1}
          maxZoom={1.5}
          nodesConnectable={false}
          elementsSelectable={false}
          zoomOnScroll={false}
          preventScrolling={false}
          disableKeyboardA11y
          proOptions={{ hideAttribution: true }}
          onInit={(f) => {
            flow.current = f;
          }}
          onEdgeClick={(_, e) => setBetween(e.id)}
          onPaneClick={() => setBetween(undefined)}
        >
          <Controls laid={laid} frame={frame} folded={open.size === 0} onFold={() => setOpen(new Set())} />
          <div className="flow-search">
            <input
              type="search"
              value={search}
              placeholder={t("people.identity.find")}
              aria-label={t("people.identity.find")}
              onChange={(e) => setSearch(e.target.value)}
              onKeyDown={(e) => {
                if (e.key !== "Enter") return;
                e.preventDefault(); // it must not press the box that gets the focus
                onFind();
              }}
            />
            {search && (
              <small aria-live="polite">
                {t("people.identity.found", { count: found, n: format.num(found) })}
              </small>
            )}
          </div>
        </ReactFlow>
      </div>
      {laid.hidden > 0 && (
        <p className="muted card-pad">{t("people.identity.tooMany", { n: format.num(laid.hidden) })}</p>
      )}
      {line ? (
        <EvidenceBetween graph={graph} line={line} boxes={laid.boxes} onClose={() => setBetween(undefined)} />
      ) : (
        <Neighbours graph={graph} laid={laid} at={at} onShow={setBetween} />
      )}
    </>
  );
}

/** Whether a box is seen as a whole. */
function inView(
  b: { x: number; y: number },
  size: { width: number; height: number },
  view: { x: number; y: number; zoom: number },
  frame: HTMLElement | null,
): boolean {
  if (!frame) return false;
  const [left, top] = [b.x * view.zoom + view.x, b.y * view.zoom + view.y];
  return (
    left >= 0 &&
    top >= 40 &&
    left + size.width * view.zoom <= frame.clientWidth &&
    top + size.height * view.zoom <= frame.clientHeight
  );
}

/** What is drawn of a layout: what is found, at hand, on the path, and the lines that belong to it. */
function useDrawing(
  laid: Layout,
  o: {
    path: IdentityEdge[];
    ends: string[];
    search: string;
    at: string | undefined;
    between: string | undefined;
    small: boolean;
    onChoose: (n: IdentityNode) => void;
    onOpen: (id: string) => void;
    onFocus: (id: string) => void;
  },
) {
  const labels = useLabels();
  const format = useFormat();
  const { t } = useTranslation();
  const { path, ends, search, at, between } = o;
  const many = laid.groups.length > 0;
  const nodes = useMemo(() => {
    const onPath = new Set(path.flatMap((e) => [e.from, e.to]));
    const stop = laid.boxes.some((b) => b.id === at) ? at : laid.boxes[0]?.id;
    const boxes = laid.boxes.map(({ id, nodes, x, y }): FlowNode => {
      const [first] = nodes;
      const folded = nodes.length > 1;
      const value = first?.value ?? "";
      return {
        id,
        type: "identifier",
        position: { x, y },
        ...laid.box,
        zIndex: 2,
        draggable: false,
        focusable: false,
        data: {
          nodes,
          kind: many ? "" : labels.identifierKind(first?.kind ?? ""),
          text: folded ? t("people.identity.alike", { n: format.num(nodes.length) }) : value,
          hint: folded ? t("people.identity.openAlike") : value,
          end: nodes.some((n) => ends.includes(`${n.kind}:${n.value}`)),
          onPath: nodes.some((n) => onPath.has(n.id)),
          found: search ? nodes.some((n) => matches(n, search)) : null,
          stop: id === stop,
          press: () => {
            if (folded) o.onOpen(id.replace(/\|rest$/, ""));
            else if (first) o.onChoose(first);
          },
          focus: () => o.onFocus(id),
        },
      };
    });
    const groups = laid.groups.map(
      ({ kind, count, x, y, width, height }): GroupNode => ({
        id: `group|${kind}`,
        type: "group-of-kind",
        position: { x: x - 8, y: y - 4 },
        width: width + 16,
        height: height + 12,
        draggable: false,
        focusable: false,
        selectable: false,
        zIndex: 0,
        data: { kind: labels.identifierKind(kind), count: format.num(count) },
      }),
    );
    return [...groups, ...boxes];
  }, [laid, path, ends, search, at, many, labels, format, t, o.onChoose, o.onOpen, o.onFocus]);
  const edges = useMemo(
    () =>
      laid.lines.map((line): FlowEdge => {
        const near = line.from === at || line.to === at || line.id === between;
        return {
          id: line.id,
          source: line.from,
          target: line.to,
          type: "evidence",
          data: { line },
          // Of many lines those of the one at hand are seen, the others are there to be guessed.
          className: [line.onPath ? "on-path" : "", near ? "near" : "", many ? "of-many" : ""]
            .join(" ")
            .trim(),
          focusable: false,
          zIndex: 1,
        };
      }),
    [laid, at, between, many],
  );
  return { nodes, edges };
}

const nodeTypes = { identifier: IdentifierNode, "group-of-kind": KindOfMany };
const edgeTypes = { evidence: EvidenceLine };

function KindOfMany({ data }: NodeProps<GroupNode>) {
  return (
    <div className="flow-group">
      <b>{data.kind}</b> <small className="num">{data.count}</small>
    </div>
  );
}

function IdentifierNode({ id, data }: NodeProps<FlowNode>) {
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <button
        type="button"
        className="flow-node nopan"
        data-box={id}
        data-end={data.end || undefined}
        data-path={data.onPath || undefined}
        data-many={data.nodes.length > 1 || undefined}
        data-found={data.found ?? undefined}
        tabIndex={data.stop ? 0 : -1}
        title={data.hint}
        onClick={data.press}
        onFocus={data.focus}
      >
        {data.kind && <small>{data.kind}</small>}
        <code className="ellipsis">{data.text}</code>
      </button>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
}

/** A line on the way that the layout found for it; its label lies above all lines. A click tells its evidence. */
function EvidenceLine({ data }: EdgeProps<FlowEdge>) {
  if (!data) return null;
  const { line } = data;
  return (
    <>
      <BaseEdge path={smooth(line.points)} interactionWidth={14} />
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

/** The lines of the box at hand, as buttons: what a click on a line tells, for the keyboard. */
function Neighbours(props: {
  graph: IdentityGraph;
  laid: Layout;
  at: string | undefined;
  onShow: (line: string) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { laid, at } = props;
  const lines = laid.lines.filter((l) => l.from === at || l.to === at);
  if (lines.length === 0) return <p className="flow-hint muted">{t("people.identity.keys")}</p>;
  const name = (id: string) => {
    const nodes = laid.boxes.find((b) => b.id === id)?.nodes ?? [];
    return nodes.length > 1
      ? t("people.identity.alike", { n: format.num(nodes.length) })
      : (nodes[0]?.value ?? "");
  };
  return (
    <ul className="flow-lines" aria-label={t("people.identity.linesOf", { value: name(at ?? "") })}>
      {lines.slice(0, 24).map((l) => (
        <li key={l.id}>
          <button type="button" className="text-link" onClick={() => props.onShow(l.id)}>
            {name(l.from === at ? l.to : l.from)}
          </button>
        </li>
      ))}
      {lines.length > 24 && (
        <li className="muted">{t("people.more", { n: format.num(lines.length - 24) })}</li>
      )}
    </ul>
  );
}

function Controls(props: {
  laid: Layout;
  frame: RefObject<HTMLDivElement | null>;
  folded: boolean;
  onFold: () => void;
}) {
  const { laid, frame, folded, onFold } = props;
  const { t } = useTranslation();
  const flow = useReactFlow();
  // What has been opened or closed is brought into view; a search moves nothing.
  const shape = `${laid.width}x${laid.height}`;
  const many = laid.groups.length > 0;
  useEffect(() => {
    if (shape && !many) void flow.fitView(fit);
    // Many are read from the top, as wide as there is room.
    if (shape && many) {
      const room = frame.current?.clientWidth ?? 0;
      const zoom = Math.min(1, Math.max(0.5, room / Math.max(laid.width, 1)));
      void flow.setViewport({ x: Math.max(0, (room - laid.width * zoom) / 2), y: 44, zoom });
    }
  }, [shape, many, laid.width, flow, frame]);
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
        onClick={() => void flow.fitView(fitAll)}
      >
        <Maximize />
      </button>
    </div>
  );
}

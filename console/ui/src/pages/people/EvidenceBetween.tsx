import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { IdentityGraph } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { IdentifierChip } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import type { Box, Line } from "./identityLayout";

const listed = 12;

/** Why a line of the drawing is there: each piece of evidence between its two ends. */
export function EvidenceBetween(props: {
  graph: IdentityGraph;
  line: Line;
  boxes: Box[];
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const nodesOf = (id: string) => props.boxes.find((b) => b.id === id)?.nodes ?? [];
  const [from, to] = [nodesOf(props.line.from), nodesOf(props.line.to)];
  const [a, b] = [new Set(from.map((n) => n.id)), new Set(to.map((n) => n.id))];
  const byId = new Map([...from, ...to].map((n) => [n.id, n]));
  const edges = props.graph.edges.filter(
    (e) => (a.has(e.from) && b.has(e.to)) || (a.has(e.to) && b.has(e.from)),
  );
  const chip = (id: number) => {
    const n = byId.get(id);
    return n && <IdentifierChip kind={n.kind} value={n.value} label={labels.identifierKind(n.kind)} />;
  };
  return (
    <section className="flow-evidence" aria-live="polite" data-evidence-between>
      <button type="button" className="icon-button" aria-label={t("action.close")} onClick={props.onClose}>
        <X />
      </button>
      <ul>
        {edges.slice(0, listed).map((e) => (
          <li key={`${e.from}-${e.to}-${e.evidence}`}>
            <span>
              {chip(e.from)} – {chip(e.to)}
            </span>
            <small className="muted">
              {t(`people.identity.evidence.${e.evidence}`)} · {sources.nameOf(e.source)} ·{" "}
              {t("people.identity.times", { count: e.count, n: format.num(e.count) })} ·{" "}
              <ExactTime at={e.time} />
              {e.count > 1 && e.last_time && (
                <>
                  {" – "}
                  <RelativeTime at={e.last_time} />
                </>
              )}
              {e.message_id && (
                <>
                  {" · "}
                  <code>{e.message_id}</code>
                </>
              )}
            </small>
          </li>
        ))}
        {edges.length > listed && (
          <li className="muted">{t("people.more", { n: format.num(edges.length - listed) })}</li>
        )}
      </ul>
    </section>
  );
}

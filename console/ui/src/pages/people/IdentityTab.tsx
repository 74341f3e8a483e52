import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Select } from "antd";
import { ArrowRight } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { identityQuery } from "@/api/queries";
import type { IdentityEdge, IdentityGraph, IdentityNode, Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { useReason } from "@/lib/linkReasons";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { IdentityFlow } from "./IdentityFlow";
import { refOf } from "./interventions";
import { PersonCommands } from "./PersonCommands";
import { SplitDone, SplitDrawer } from "./SplitDrawer";

const route = getRouteApi("/shell/people/$ref");
const noPath: IdentityEdge[] = [];
const listed = 100; // identifiers in the table before someone asks for all

/** Why these identifiers are one person: the graph, its evidence, the path between two, merges, what was left out. */
export function IdentityTab({ person }: { person: Person }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { from, to } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery(identityQuery(person.id));
  const explained = useQuery({
    ...identityQuery(person.id, { from: from ?? "", to: to ?? "" }),
    enabled: Boolean(from && to && from !== to),
  });
  const graph = query.data;
  const path = from && to && from !== to ? explained.data?.path : undefined;

  const setEnds = (ends: { from?: string | undefined; to?: string | undefined }) => setSearch(ends);
  const ends = useMemo(() => [from, to].filter((x) => x !== undefined), [from, to]);
  // A click in the graph fills the first end that is free, then moves the second.
  const choose = (n: IdentityNode) => {
    const r = refOf(n);
    if (!from || r === from) setEnds({ from: r === from ? undefined : r, to: r === from ? undefined : to });
    else setEnds({ to: r === to ? undefined : r });
  };

  if (query.error && !graph) {
    return (
      <div className="card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  return (
    <div className="stack">
      <section className="card">
        <div className="card-head identity-head">
          <div>
            <h2>{t("people.identity.title")}</h2>
            <p className="muted">{t("people.identity.about")}</p>
          </div>
        </div>
        <div className="identity-ends">
          <EndSelect
            label={t("people.identity.from")}
            graph={graph}
            value={from}
            onChange={(v) => setEnds({ from: v })}
          />
          <ArrowRight size={16} aria-hidden="true" className="muted" />
          <EndSelect
            label={t("people.identity.to")}
            graph={graph}
            value={to}
            onChange={(v) => setEnds({ to: v })}
          />
        </div>
        {path && graph && <Path graph={graph} path={path} from={from as string} />}
        {graph ? (
          <IdentityFlow
            graph={graph}
            path={path ?? noPath}
            ends={ends}
            onChoose={choose}
            label={t("people.identity.graph", { n: format.num(graph.nodes.length) })}
          />
        ) : (
          <div className="identity-graph" style={{ height: 300 }} />
        )}
      </section>
      <Identifiers key={person.id} person={person} />
      <div className="identity-pair">
        <Merges graph={graph} />
        <Dropped graph={graph} />
      </div>
      <PersonCommands person={person} />
    </div>
  );
}

function EndSelect(props: {
  label: string;
  graph: IdentityGraph | undefined;
  value: string | undefined;
  onChange: (v: string | undefined) => void;
}) {
  const labels = useLabels();
  return (
    <Select
      aria-label={props.label}
      placeholder={props.label}
      value={props.value ?? null}
      onChange={(v: string | null) => props.onChange(v ?? undefined)}
      allowClear
      showSearch={{ optionFilterProp: "label" }}
      loading={!props.graph}
      popupMatchSelectWidth={360}
      options={(props.graph?.nodes ?? []).map((n) => ({
        value: refOf(n),
        label: `${labels.identifierKind(n.kind)} ${n.value}`,
      }))}
    />
  );
}

/** The chain of evidence in words. */
function Path({ graph, path, from }: { graph: IdentityGraph; path: IdentityEdge[]; from: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const labels = useLabels();
  const byId = new Map(graph.nodes.map((n) => [n.id, n]));
  let at = graph.nodes.find((n) => refOf(n) === from)?.id;
  if (path.length === 0 || at === undefined)
    return <p className="identity-path muted">{t("people.identity.noPath")}</p>;
  const stops: { node: IdentityNode | undefined; edge?: IdentityEdge }[] = [{ node: byId.get(at) }];
  for (const edge of path) {
    at = edge.from === at ? edge.to : edge.from;
    stops.push({ node: byId.get(at), edge });
  }
  return (
    <ol
      className="identity-path"
      aria-label={t("people.identity.path", { count: path.length, n: format.num(path.length) })}
    >
      {stops.map(({ node, edge }) => (
        <li key={node?.id ?? edge?.message_id}>
          {edge && (
            <small>
              {t(`people.identity.evidence.${edge.evidence}`)} · {sources.nameOf(edge.source)} ·{" "}
              <RelativeTime at={edge.time} />
              {" · "}
              {t("people.identity.times", { count: edge.count, n: format.num(edge.count) })}
            </small>
          )}
          {node && (
            <IdentifierChip kind={node.kind} value={node.value} label={labels.identifierKind(node.kind)} />
          )}
        </li>
      ))}
    </ol>
  );
}

function Identifiers({ person }: { person: Person }) {
  const { t } = useTranslation();
  const labels = useLabels();
  type Row = Person["identifiers"][number];
  const may = useMay("people:write");
  const format = useFormat();
  const [chosen, setChosen] = useState<string[]>([]);
  const [all, setAll] = useState(false);
  const identifiers = useMemo(() => strongestFirst(person.identifiers), [person]);
  const [asking, setAsking] = useState(false);
  const [other, setOther] = useState("");
  const columns: Column<Row>[] = [
    {
      key: "kind",
      title: t("people.identity.kind"),
      width: 160,
      value: (r) => labels.identifierKind(r.kind),
    },
    {
      key: "value",
      title: t("people.identity.value"),
      value: (r) => r.value,
      render: (r) => <code>{r.value}</code>,
    },
    {
      key: "events",
      title: t("people.identity.events"),
      width: 100,
      align: "right",
      value: (r) => r.events,
      render: (r) => <Num value={r.events} />,
    },
    {
      key: "first",
      title: t("people.firstSeen"),
      width: 120,
      align: "right",
      value: (r) => r.first_seen,
      time: true,
      render: (r) => <RelativeTime at={r.first_seen} />,
    },
    {
      key: "last",
      title: t("people.lastSeen"),
      width: 120,
      align: "right",
      value: (r) => r.last_seen,
      time: true,
      render: (r) => <RelativeTime at={r.last_seen} />,
    },
  ];
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("people.identifiers")}</h2>
        {chosen.length > 0 && (
          <Button
            size="small"
            onClick={() => setAsking(true)}
            disabled={chosen.length === person.identifiers.length}
          >
            {t("people.identity.split.action", { count: chosen.length, n: format.num(chosen.length) })}
          </Button>
        )}
      </div>
      {!may && person.identifiers.length > 1 && (
        <p className="card-pad muted">{t("people.identity.split.mayNot")}</p>
      )}
      {other && <SplitDone other={other} onClose={() => setOther("")} />}
      {asking && (
        <SplitDrawer
          person={person}
          chosen={chosen}
          onClose={() => setAsking(false)}
          onUndone={() => setOther("")}
          onDone={(to) => {
            setAsking(false);
            setChosen([]);
            setOther(to);
          }}
        />
      )}
      <DataTable
        plain
        {...(may && person.identifiers.length > 1
          ? { selection: { keys: chosen, onChange: setChosen } }
          : {})}
        id="person-identifiers"
        label={t("people.identifiers")}
        columns={columns}
        rows={all ? identifiers : identifiers.slice(0, listed)}
        rowKey={(r) => refOf(r)}
      />
      {!all && identifiers.length > listed && (
        <p className="card-pad">
          <button type="button" className="text-link" onClick={() => setAll(true)}>
            {t("people.rules.showAll", { n: format.num(identifiers.length) })}
          </button>
        </p>
      )}
    </section>
  );
}

function Merges({ graph }: { graph: IdentityGraph | undefined }) {
  const { t } = useTranslation();
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("people.identity.merges")}</h2>
      </div>
      <ul className="aside-list">
        {graph?.merges.map((m) => (
          <li key={m.absorbed + m.time}>
            <span>
              {t("people.identity.mergedInto", { absorbed: m.absorbed, kept: m.kept })}
              {m.because && (
                <>
                  {" "}
                  <Pill>
                    {t("people.identity.because", {
                      evidence: t(`people.identity.evidence.${m.because.evidence}`),
                    })}
                  </Pill>
                </>
              )}
            </span>
            <small className="muted nowrap">
              <RelativeTime at={m.time} />
            </small>
          </li>
        ))}
        {graph?.parted.map((p) => (
          <li key={p.person + p.time}>
            <span>{t("people.identity.partedFrom", { other: p.person })}</span>
            <small className="muted nowrap">
              <RelativeTime at={p.time} />
            </small>
          </li>
        ))}
        {graph?.merges.length === 0 && graph.parted.length === 0 && (
          <li className="muted">{t("people.identity.mergesEmpty")}</li>
        )}
      </ul>
    </section>
  );
}

function Dropped({ graph }: { graph: IdentityGraph | undefined }) {
  const { t } = useTranslation();
  const reason = useReason();
  const labels = useLabels();
  if (!graph || graph.dropped.length === 0) return null;
  return (
    <section className="card">
      <div className="card-head">
        <h2 title={t("people.identity.droppedHint")}>{t("people.identity.dropped")}</h2>
      </div>
      <ul className="aside-list">
        {graph.dropped.map((d) => (
          <li key={refOf(d.identifier) + d.time}>
            <span>
              <IdentifierChip {...d.identifier} label={labels.identifierKind(d.identifier.kind)} />
              <br />
              <small className="muted">{reason(d.reason)}</small>
            </span>
            <small className="muted nowrap">
              <RelativeTime at={d.time} />
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}

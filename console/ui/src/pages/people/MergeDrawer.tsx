import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Alert, Button, Checkbox } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { identityRulesQuery, personQuery, personsQuery } from "@/api/queries";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Named } from "@/components/Named";
import { IdentifierChip, Pill } from "@/components/Pill";
import { SearchField } from "@/components/SearchField";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { CommandPreview, useMergePreview } from "./CommandPreview";
import { overLimits, traitsOfTwo, whoStays } from "./interventions";
import { InterventionState, useIntervention } from "./useIntervention";
import { useDone } from "./useUndo";

/** Looks for the other person, shows both side by side with what stays, and makes them one. */
export function MergeDrawer({ person, onClose }: { person: Person; onClose: () => void }) {
  const { t } = useTranslation();
  const [other, setOther] = useState("");
  const [beyond, setBeyond] = useState(false);
  const found = useQuery({ ...personQuery(other), enabled: other !== "" });
  const mayRules = useMay("identity:read");
  const rules = useQuery({ ...identityRulesQuery, enabled: mayRules });
  const navigate = useNavigate();
  const done = useDone();
  const merge = useIntervention(
    () =>
      data(
        api.POST("/api/v1/persons/{ref}/merge", {
          params: { path: { ref: person.id } },
          body: { other, over_limits: beyond },
        }),
      ),
    ({ id, other: gone, command }) => {
      done(t("people.merge.done", { kept: id, absorbed: gone }), command);
      onClose();
      void navigate({ to: "/people/$ref", params: { ref: id }, search: { tab: "identity" } });
    },
  );
  const limits = found.data ? overLimits(person, found.data, rules.data?.kinds ?? []) : [];
  const tried = found.data !== undefined && (limits.length === 0 || beyond);
  const preview = useMergePreview(person.id, other, beyond, tried);
  return (
    <DetailDrawer
      open
      width={760}
      onClose={onClose}
      title={t("people.merge.title")}
      footer={
        <div className="row">
          <Button
            type="primary"
            disabled={!found.data || (limits.length > 0 && !beyond)}
            loading={merge.isPending}
            onClick={() => merge.mutate()}
          >
            {t("people.merge.ok")}
          </Button>
          {other && <Button onClick={() => setOther("")}>{t("people.merge.another")}</Button>}
          <Button onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      }
    >
      <div className="stack">
        <InterventionState write={merge} />
        {!other && <Search not={person.id} onChoose={setOther} />}
        {found.error && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {found.data && (
          <>
            <Both a={person} b={found.data} />
            {(limits.length > 0 || merge.error) && (
              <Limits limits={limits} value={beyond} onChange={setBeyond} />
            )}
            {tried && (
              <>
                <h3 className="drawer-title">{t("people.preview.title")}</h3>
                <CommandPreview preview={preview} />
              </>
            )}
            <p className="muted">{t("people.merge.text")}</p>
          </>
        )}
      </div>
    </DetailDrawer>
  );
}

function Search({ not, onChoose }: { not: string; onChoose: (id: string) => void }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const [q, setQ] = useState("");
  const list = useInfiniteQuery({ ...personsQuery({ q }), enabled: q !== "" });
  const people = list.data?.pages.flatMap((p) => p.items).filter((p) => p.id !== not) ?? [];
  return (
    <>
      <SearchField value={q} onSearch={(text) => setQ(text ?? "")} placeholder={t("people.search")} />
      {list.error && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      <ul className="merge-found" aria-busy={list.isFetching}>
        {people.slice(0, 20).map((p) => (
          <li key={p.id}>
            <button type="button" onClick={() => onChoose(p.id)} data-person={p.id}>
              <b className="ellipsis">{labels.person(p)}</b>
              {strongestFirst(p.identifiers)
                .slice(0, 1)
                .map((i) => (
                  <IdentifierChip key={i.kind} {...i} label={labels.identifierKind(i.kind)} />
                ))}
            </button>
          </li>
        ))}
      </ul>
      {q !== "" && list.data && people.length === 0 && <p className="muted">{t("people.none", { q })}</p>}
    </>
  );
}

function Both({ a, b }: { a: Person; b: Person }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const [stays] = whoStays(a, b);
  const rows = traitsOfTwo(a, b);
  return (
    <>
      <div className="two-persons">
        {[a, b].map((p) => (
          <section className="card" key={p.id}>
            <div className="card-head">
              <h2 className="ellipsis" title={labels.person(p)}>
                {labels.person(p)}
              </h2>
              <Pill tone={p === stays ? "good" : "plain"}>
                {t(p === stays ? "people.merge.stays" : "people.merge.goes")}
              </Pill>
            </div>
            <ul className="aside-list">
              <li>
                <code>{p.id}</code>
                <small className="muted">
                  {t("people.timeline.count", { count: p.counters.events, n: format.num(p.counters.events) })}
                </small>
              </li>
              {strongestFirst(p.identifiers)
                .slice(0, 8)
                .map((i) => (
                  <li key={i.kind + i.value}>
                    <IdentifierChip kind={i.kind} value={i.value} label={labels.identifierKind(i.kind)} />
                  </li>
                ))}
              {p.identifiers.length > 8 && (
                <li className="muted">{t("people.more", { n: format.num(p.identifiers.length - 8) })}</li>
              )}
            </ul>
          </section>
        ))}
      </div>
      {rows.length > 0 && (
        <table className="two-traits">
          <caption>{t("people.merge.traits")}</caption>
          <tbody>
            {rows.map((r) => (
              <tr key={r.trait}>
                <th scope="row">
                  <Named sort="trait" name={r.trait} />
                </th>
                {r.values.map((value, side) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: the two sides
                  <td key={side} data-wins={r.wins === side ? "" : undefined}>
                    {value === undefined ? "–" : <Value value={value} />}
                    {r.wins === side && <span className="visually-hidden">{t("people.merge.wins")}</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Limits(props: {
  limits: { kind: string; have: number; limit: number }[];
  value: boolean;
  onChange: (beyond: boolean) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (
    <Alert
      type="warning"
      title={t("people.merge.limits")}
      description={
        <>
          {props.limits.map((l) => (
            <p key={l.kind}>
              {t("people.merge.limit", {
                kind: labels.identifierKind(l.kind) || l.kind,
                have: format.num(l.have),
                limit: format.num(l.limit),
              })}
            </p>
          ))}
          <Checkbox checked={props.value} onChange={(e) => props.onChange(e.target.checked)}>
            {t("people.merge.beyond")}
          </Checkbox>
        </>
      }
    />
  );
}

import { useQueries } from "@tanstack/react-query";
import { Button } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { personQuery } from "@/api/queries";
import type { DryRun, ForeseenPersons } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { PersonLink } from "@/components/PersonLink";
import { IdentifierChip } from "@/components/Pill";
import { useLabels } from "@/lib/labels";
import { readReason } from "@/lib/linkReasons";
import { useLinkageWords } from "@/pages/linkage/words";

type Result = NonNullable<DryRun["result"]>;

/** Examples that are shown before somebody asks for more. */
const few = 5;

/** What the file would do to people, before anything is written: who becomes one, by which row, and what keeps people apart. */
export function Foreseen({ result }: { result: Result }) {
  const { t } = useTranslation();
  const format = useFormat();
  const p = result.persons;
  if (!p) return null;
  return (
    <div className="foreseen stack">
      <dl className="facts">
        {(
          [
            ["rowsOfNew", p.rows_of_new],
            ["rowsOfKnown", p.rows_of_known],
            ["created", p.persons_created],
            ["matched", p.persons_matched],
            ["merged", p.persons_merged],
            ["parted", p.persons_parted],
          ] as const
        ).map(([key, n]) => (
          <div key={key}>
            <dt>{t(`importFile.foreseen.${key}`)}</dt>
            <dd>{format.num(n)}</dd>
          </div>
        ))}
      </dl>
      <Merges persons={p} />
      <ProbableOnes persons={p} />
      <Refusals persons={p} />
      <SharedOnes persons={p} />
    </div>
  );
}

/** A list of examples, a few of them until somebody wants to see the others. */
function Examples<T>(props: {
  title: string;
  hint?: string;
  items: readonly T[];
  total: number;
  children: (shown: readonly T[]) => ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const [all, setAll] = useState(false);
  if (props.total === 0) return null;
  const shown = all ? props.items : props.items.slice(0, few);
  return (
    <section className="foreseen-part">
      <h3>
        {props.title} <small className="muted">{format.num(props.total)}</small>
      </h3>
      {props.hint && <p className="muted">{props.hint}</p>}
      <div className="foreseen-scroll">{props.children(shown)}</div>
      {props.items.length > shown.length && (
        <Button size="small" type="text" onClick={() => setAll(true)}>
          {t("importFile.foreseen.more", { n: format.num(props.items.length - shown.length) })}
        </Button>
      )}
    </section>
  );
}

/** The names of people; an id stands for one whose name is not here yet. */
function useNames(ids: readonly string[]) {
  const found = useQueries({
    queries: [...new Set(ids)].map((id) => ({ ...personQuery(id), retry: false })),
  });
  const names = new Map(found.flatMap((q) => (q.data ? [[q.data.id, q.data.name ?? null] as const] : [])));
  return (id: string) => ({ id, name: names.get(id) ?? null });
}

function Merges({ persons }: { persons: ForeseenPersons }) {
  const { t } = useTranslation();
  return (
    <Examples
      title={t("importFile.foreseen.merges")}
      hint={t("importFile.foreseen.mergesHint")}
      items={persons.merges}
      total={persons.persons_merged}
    >
      {(shown) => <MergeTable merges={shown} />}
    </Examples>
  );
}

function MergeTable({ merges }: { merges: readonly ForeseenPersons["merges"][number][] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const person = useNames(merges.flatMap((m) => [m.kept, m.absorbed]));
  return (
    <table className="reason-table">
      <thead>
        <tr>
          <th className="num">{t("importFile.preview.row")}</th>
          <th>{t("importFile.foreseen.stays")}</th>
          <th>{t("importFile.foreseen.joins")}</th>
          <th>{t("importFile.foreseen.because")}</th>
        </tr>
      </thead>
      <tbody>
        {merges.map((m) => (
          <tr key={`${m.row} ${m.absorbed}`}>
            <td className="num">{format.num(m.row)}</td>
            <td>
              <PersonLink person={person(m.kept)} />
            </td>
            <td>
              <PersonLink person={person(m.absorbed)} />
            </td>
            <td>
              <span className="row">
                {m.identifiers.map((i) => (
                  <IdentifierChip
                    key={`${i.kind} ${i.value}`}
                    kind={i.kind}
                    value={i.value}
                    label={labels.identifierKind(i.kind)}
                  />
                ))}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ProbableOnes({ persons }: { persons: ForeseenPersons }) {
  const { t } = useTranslation();
  const format = useFormat();
  const p = persons.probable;
  if (!p || persons.persons_created === 0) return null;
  if (!p.ready) return <p className="muted">{t("importFile.foreseen.noModel")}</p>;
  return (
    <Examples
      title={t("importFile.foreseen.probable")}
      hint={[
        t("importFile.foreseen.probableHint", {
          above: format.num(p.above),
          review: format.num(p.reviewed),
          n: format.num(p.compared),
        }),
        p.automatic ? t("importFile.foreseen.automatic") : t("importFile.foreseen.byHand"),
        p.truncated ? t("importFile.foreseen.compared") : "",
      ].join(" ")}
      items={p.examples}
      total={p.above + p.reviewed}
    >
      {(shown) => <ProbableTable pairs={shown} link={p.link} />}
    </Examples>
  );
}

type Pair = NonNullable<ForeseenPersons["probable"]>["examples"][number];
interface Ground {
  column: string;
  aspect?: string;
  level: string;
  bits: number;
}

function ProbableTable({ pairs, link }: { pairs: readonly Pair[]; link: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useLinkageWords();
  const person = useNames(pairs.map((p) => p.person));
  return (
    <table className="reason-table">
      <thead>
        <tr>
          <th className="num">{t("importFile.preview.row")}</th>
          <th>{t("importFile.foreseen.maybe")}</th>
          <th className="num">{t("importFile.foreseen.chance")}</th>
          <th>{t("importFile.foreseen.says")}</th>
        </tr>
      </thead>
      <tbody>
        {pairs.map((p) => (
          <tr key={p.row}>
            <td className="num">{format.num(p.row)}</td>
            <td>
              <PersonLink person={person(p.person)} />
              <small className="muted block">
                {p.chance >= link ? t("importFile.foreseen.sure") : t("importFile.foreseen.review")}
              </small>
            </td>
            <td className="num">{words.chance(p.chance)}</td>
            <td>
              <span className="foreseen-grounds">
                {((p.evidence.columns as Ground[] | undefined) ?? [])
                  .filter((g) => g.level !== "" && Math.abs(g.bits) >= 0.5)
                  .sort((a, b) => Math.abs(b.bits) - Math.abs(a.bits))
                  .map((g) => (
                    <span key={`${g.column} ${g.aspect ?? ""}`} data-sign={Math.sign(g.bits)}>
                      {words.column(g.column)} · {words.level(g.level)}{" "}
                      <b>
                        {t("importFile.foreseen.bits", {
                          n: `${g.bits > 0 ? "+" : "−"}${Math.abs(g.bits).toFixed(1)}`,
                        })}
                      </b>
                    </span>
                  ))}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Refusals({ persons }: { persons: ForeseenPersons }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const total = persons.refused_links.reduce((n, r) => n + r.links, 0);
  const say = (reason: string) => {
    const r = readReason(reason);
    switch (r?.key) {
      case "limit":
        return t("importFile.foreseen.refusal.limit", {
          n: format.num(r.n),
          kind: labels.identifierKind(r.kind),
        });
      case "window":
        return t("importFile.foreseen.refusal.window", {
          n: format.num(r.n),
          kind: labels.identifierKind(r.kind),
          days: format.num(r.days),
        });
      case "all":
        return t("importFile.foreseen.refusal.size", { n: format.num(r.n) });
      case "apart":
        return t("importFile.foreseen.refusal.parted");
    }
    return reason;
  };
  return (
    <Examples
      title={t("importFile.foreseen.refused")}
      hint={t("importFile.foreseen.refusedHint")}
      items={persons.refused_links}
      total={total}
    >
      {(shown) => (
        <table className="reason-table">
          <tbody>
            {shown.map((r) => (
              <tr key={r.reason}>
                <td>{say(r.reason)}</td>
                <td className="num">{format.num(r.links)}</td>
                <td className="muted">
                  {t("importFile.foreseen.asIn", {
                    rows: r.examples
                      .map((e) => `${format.num(e.row)} (${labels.identifierKind(e.kind)} ${e.value})`)
                      .join(", "),
                  })}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Examples>
  );
}

function SharedOnes({ persons }: { persons: ForeseenPersons }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (
    <Examples
      title={t("importFile.foreseen.shared")}
      hint={t("importFile.foreseen.sharedHint")}
      items={persons.shared}
      total={persons.shared_count}
    >
      {(shown) => (
        <table className="reason-table">
          <tbody>
            {shown.map((s) => (
              <tr key={`${s.kind} ${s.value}`}>
                <td>
                  <IdentifierChip kind={s.kind} value={s.value} label={labels.identifierKind(s.kind)} />
                </td>
                <td>
                  {t("importFile.foreseen.seenWith", {
                    n: format.num(s.seen),
                    kind: labels.identifierKind(s.witness),
                    most: format.num(s.bears),
                  })}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Examples>
  );
}

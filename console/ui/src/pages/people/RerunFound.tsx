import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "@/api/jobs";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useReason } from "@/lib/linkReasons";
import { useSources } from "@/lib/useSources";
import {
  changesNothing,
  type RerunResult,
  type RerunSample,
  type RerunSegment,
  rerunSamplesQuery,
} from "./rerun";

/** What a run has found or done: in numbers, by segment, by example. */
export function RerunFound(props: { job: Job; found: RerunResult; children: ReactNode }) {
  const { t } = useTranslation();
  const { job, found } = props;
  const facts = [
    ["merged", found.merged],
    ["split", found.split],
    ["concerned", found.concerned],
    ["moved", found.moved],
    ...(found.shared > 0 ? [["shared", found.shared] as const] : []),
    ...(found.unshared > 0 ? [["unshared", found.unshared] as const] : []),
    ...(found.skipped > 0 ? [["skipped", found.skipped] as const] : []),
  ] as const;
  return (
    <>
      <div className="row rerun-said">
        <b>
          {changesNothing(found)
            ? t("people.rerun.nothing")
            : t(found.commit ? "people.rerun.done" : "people.rerun.would")}
        </b>
        {job.ended_at && (
          <small className="muted">
            <RelativeTime at={job.ended_at} />
          </small>
        )}
        <span className="row push-right">{props.children}</span>
      </div>
      {!changesNothing(found) && (
        <>
          <dl className="rerun-facts">
            <div>
              <dt>{t("people.rerun.persons")}</dt>
              <dd className="num">
                <Num value={found.persons} /> <ArrowRight size={14} aria-hidden="true" />{" "}
                <Num value={found.persons_then} />
              </dd>
            </div>
            {facts.map(([key, n]) => (
              <div key={key}>
                <dt title={t(`people.rerun.help.${key}`)}>{t(`people.rerun.${key}`)}</dt>
                <dd className="num">
                  <Num value={n} />
                </dd>
              </div>
            ))}
          </dl>
          <Segments found={found} />
          <Samples job={job.id} />
        </>
      )}
    </>
  );
}

function Segments({ found }: { found: RerunResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (!found.segments || found.segments.length === 0) return null;
  const number = (key: "size" | "touched" | "after", width = 110): Column<RerunSegment> => ({
    key,
    title: t(`people.rerun.segment.${key}`),
    width,
    align: "right",
    value: (s) => s[key],
    render: (s) => <Num value={s[key]} />,
  });
  const columns: Column<RerunSegment>[] = [
    {
      key: "name",
      title: t("people.rerun.segment.name"),
      value: (s) => s.name,
      render: (s) => (
        <Link to="/segments/$id" params={{ id: s.id }} className="text-link">
          {s.name}
        </Link>
      ),
    },
    number("touched"),
    number("size"),
    ...(found.commit
      ? []
      : [
          {
            key: "moves",
            title: t("people.rerun.segment.moves"),
            width: 120,
            align: "right" as const,
            value: (s: RerunSegment) => s.enter + s.leave,
            render: (s: RerunSegment) => (
              <span className="num">
                +{format.num(s.enter)} −{format.num(s.leave)}
              </span>
            ),
          },
          number("after"),
        ]),
  ];
  return (
    <>
      <h3 className="drawer-title">{t("people.rerun.segment.title")}</h3>
      {!found.commit && found.foretold < found.concerned && (
        <p className="muted rerun-note">
          {t("people.rerun.segment.some", {
            n: format.num(found.foretold),
            all: format.num(found.concerned),
          })}
        </p>
      )}
      <DataTable
        plain
        id="rerun-segments"
        label={t("people.rerun.segment.title")}
        columns={columns}
        rows={found.segments}
        rowKey={(s) => s.id}
      />
    </>
  );
}

function Samples({ job }: { job: string }) {
  const { t } = useTranslation();
  const query = useQuery(rerunSamplesQuery(job));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const items = query.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <>
      <h3 className="drawer-title">{t("people.rerun.samples")}</h3>
      <ul className="rerun-samples">
        {items.map((s) => (
          <Sample key={`${s.kind}${s.before[0]?.id}${s.after[0]?.identifiers[0]?.value}`} sample={s} />
        ))}
      </ul>
    </>
  );
}

function Sample({ sample: s }: { sample: RerunSample }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const sources = useSources();
  const reason = useReason();
  const chip = (i: { kind: string; value: string }) => (
    <IdentifierChip key={i.kind + i.value} {...i} label={labels.identifierKind(i.kind)} />
  );
  const side = (persons: RerunSample["before"]) => (
    <div className="rerun-side">
      {persons.map((p) => (
        <div key={p.id} className="rerun-person">
          <Link to="/people/$ref" params={{ ref: p.id }} search={{ tab: "identity" }} className="text-link">
            {p.id}
          </Link>
          {p.identifiers.map(chip)}
        </div>
      ))}
    </div>
  );
  return (
    <li>
      <Pill tone={s.kind === "split" ? "warn" : "gold"}>{t(`people.rerun.kind.${s.kind}`)}</Pill>
      <div className="rerun-sides">
        {side(s.before)}
        <ArrowRight size={16} aria-label={t("people.rerun.becomes")} className="muted" />
        {side(s.after)}
      </div>
      {s.because.map((b) => (
        <p key={b.from.value + b.to.value + b.evidence} className="muted rerun-because">
          {chip(b.from)} – {chip(b.to)}{" "}
          {t(`people.identity.evidence.${b.evidence as "event"}`, { defaultValue: b.evidence })} ·{" "}
          {sources.nameOf(b.source)} · <RelativeTime at={b.time} /> ·{" "}
          {b.reason ? t("people.rerun.leftOut", { reason: reason(b.reason) }) : t("people.rerun.linked")}
        </p>
      ))}
    </li>
  );
}

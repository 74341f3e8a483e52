import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Progress } from "antd";
import { CircleCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { catalogueAllEventsQuery, importQuery, settingsQuery } from "@/api/queries";
import type { Import, ImportRun } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { LinkButton } from "@/components/LinkButton";
import { ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useWrite } from "@/lib/useWrite";
import { dayOf } from "@/lib/zone";
import { amountOf, callType, eventName } from "./mapping";
import { useReasonText } from "./useReasonText";

const busy = (r: ImportRun | null | undefined) => r?.state === "waiting" || r?.state === "running";

/** An import under way or done: how far, what came of it, and where to go from there. */
export function ResultCard(props: { id: string; onBack: () => void }) {
  const client = useQueryClient();
  const query = useQuery({
    ...importQuery(props.id),
    refetchInterval: (q) => (q.state.data && busy(q.state.data.run) ? 700 : false),
  });
  const cancel = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/imports/{id}/run", { params: { path: { id: props.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["imports"] }),
  });
  if (query.error && !query.data)
    return (
      <section className="card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </section>
    );
  const item = query.data;
  if (!item) return <section className="card preview-bones" aria-busy="true" />;
  if (item.run && busy(item.run))
    return (
      <Running
        run={item.run}
        rejected={item.rejected}
        onCancel={() => cancel.mutate()}
        cancelling={cancel.isPending}
      />
    );
  return <Ended item={item} onBack={props.onBack} />;
}

function Running(props: { run: ImportRun; rejected: number; onCancel: () => void; cancelling: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { run } = props;
  const phase = run.state === "waiting" || run.phase === "" ? "waiting" : run.phase;
  const percent = phase === "settle" ? 100 : run.total_bytes > 0 ? (run.bytes / run.total_bytes) * 100 : 0;
  return (
    <section className="card" aria-label={t("importFile.run.title")}>
      <div className="card-head">
        <h2 aria-live="polite">{t(`importFile.run.${phase}`)}</h2>
        <Button loading={props.cancelling} onClick={props.onCancel}>
          {t("importFile.run.cancel")}
        </Button>
      </div>
      <div className="card-pad stack">
        <Progress
          percent={Math.floor(percent * 10) / 10}
          showInfo={false}
          aria-label={t("importFile.run.title")}
        />
        <dl className="facts">
          <div>
            <dt>{t("importFile.run.rows")}</dt>
            <dd>{format.num(run.rows)}</dd>
          </div>
          <div>
            <dt>{t("collect.imports.rejected")}</dt>
            <dd>{format.num(props.rejected)}</dd>
          </div>
          <div className="facts-note muted">
            {run.rows_per_second > 0 &&
              t("importFile.run.rate", { n: format.num(Math.round(run.rows_per_second)) })}
            {run.eta_seconds !== null &&
              ` · ${t("importFile.file.left", { time: format.duration(Math.ceil(run.eta_seconds)) })}`}
          </div>
        </dl>
        <p className="muted">{t("importFile.run.background")}</p>
      </div>
    </section>
  );
}

function Ended({ item, onBack }: { item: Import; onBack: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const state = item.run?.state === "cancelled" || item.run?.state === "failed" ? item.run.state : "finished";
  return (
    <section className="card" aria-label={t("importFile.run.title")}>
      <div className="card-head">
        <h2>
          {state === "finished" && <CircleCheck size={16} className="good-icon" aria-hidden="true" />}{" "}
          {t(`importFile.run.${state}`)}
        </h2>
      </div>
      {item.run?.error && <RunFailure error={item.run.error} />}
      <div className="card-pad stack">
        {state !== "finished" && <p className="muted">{t("importFile.run.stays")}</p>}
        <dl className="facts">
          {(
            [
              ["rows", item.next_row - 1],
              ["accepted", item.accepted],
              ["rejected", item.rejected],
              ["duplicates", item.duplicates],
            ] as const
          ).map(([key, n]) => (
            <div key={key} data-bad={key === "rejected" && n > 0 ? true : undefined}>
              <dt>{t(`collect.imports.${key}`)}</dt>
              <dd>{format.num(n)}</dd>
            </div>
          ))}
        </dl>
        <Reasons reasons={item.reasons} />
        <div className="bar doors">
          {state === "finished" ? (
            <Doors item={item} />
          ) : (
            <Button onClick={onBack}>{t("importFile.run.backToMapping")}</Button>
          )}
          {item.rejected > 0 && (
            <LinkButton to="/collect/quarantine" search={{ source: item.source.id }}>
              {t("importFile.run.toQuarantine")}
            </LinkButton>
          )}
          <LinkButton to="/collect/imports/new">{t("importFile.run.another")}</LinkButton>
        </div>
      </div>
    </section>
  );
}

/** Where the events are to be seen, and a first chart over the days that they are of. */
function Doors({ item }: { item: Import }) {
  const { t } = useTranslation();
  const zone = useQuery(settingsQuery).data?.organisation.time_zone ?? "UTC";
  const type = callType(item.mapping);
  const name = type === "track" ? eventName(item.mapping) : `$${type}`;
  const found = useQuery({ ...catalogueAllEventsQuery, staleTime: 0, enabled: item.accepted > 0 }).data
    ?.items;
  const event = found?.find((e) => e.event === name) ?? (name === undefined ? found?.[0] : undefined);
  const series = name ?? event?.event;
  if (series === undefined || item.accepted === 0) return null;
  const amount = amountOf(item.mapping);
  const range = event
    ? `${dayOf(Date.parse(event.first_seen), zone)}~${dayOf(Date.parse(event.last_seen), zone)}`
    : "all";
  return (
    <>
      {type === "track" && (
        <LinkButton
          primary
          to="/analytics"
          search={{
            range,
            trend: {
              series: [
                amount
                  ? { event: series, measure: "sum", property: amount }
                  : { event: series, measure: "count" },
              ],
            },
          }}
        >
          {t("importFile.run.toChart")}
        </LinkButton>
      )}
      <LinkButton to="/collect/catalogue" search={{ event: series, range: "all" }}>
        {t("importFile.run.toEvents")}
      </LinkButton>
    </>
  );
}

/** Why rows are in quarantine, most frequent first. */
export function Reasons({ reasons }: { reasons: Import["reasons"] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useReasonText();
  if (reasons.length === 0) return null;
  return (
    <table className="reason-table">
      <caption>{t("importFile.run.reasons")}</caption>
      <thead>
        <tr>
          <th>{t("importFile.run.reason")}</th>
          <th className="num">{t("importFile.run.count")}</th>
          <th className="num">{t("importFile.run.firstRow")}</th>
        </tr>
      </thead>
      <tbody>
        {reasons.slice(0, 10).map((r) => (
          <tr key={r.reason}>
            <td title={r.reason}>{say(r.reason)}</td>
            <td className="num">{format.num(r.rows)}</td>
            <td className="num">{format.num(r.first_row)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function RunFailure({ error }: { error: NonNullable<ImportRun["error"]> }) {
  const say = useSayText();
  return (
    <div className="notice" data-bad role="alert">
      <span>
        <b>{say(error.detail_text, error.detail)}</b>
        {error.hint && <small>{say(error.hint_text, error.hint)}</small>}
      </span>
    </div>
  );
}

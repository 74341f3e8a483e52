import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App } from "antd";
import { MailCheck } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data, idempotencyKey } from "@/api/client";
import { reactorLettersQuery } from "@/api/queries";
import type { Reactor, ReactorDeadLetter } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useLabels } from "@/lib/labels";
import { usePages } from "@/lib/usePages";
import { useWrite } from "@/lib/useWrite";
import { ReactorState, useReactorName } from "./reactorParts";

/** One reactor: how it fares, and the occurrences that it could not work on. */
export function ReactorDrawer(props: {
  name: string | undefined;
  reactors: Reactor[] | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const nameOf = useReactorName();
  const [last, setLast] = useState(props.name);
  if (props.name && props.name !== last) setLast(props.name);
  const reactor = props.reactors?.find((r) => r.name === last);
  return (
    <DetailDrawer
      open={props.name !== undefined}
      onClose={props.onClose}
      title={last ? nameOf(last) : "…"}
      width={860}
    >
      {reactor ? (
        <Body key={reactor.name} reactor={reactor} />
      ) : (
        props.reactors && <ErrorState error={new ApiError(404, t("state.notFound"), "", "")} />
      )}
    </DetailDrawer>
  );
}

function Body({ reactor }: { reactor: Reactor }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayText();
  return (
    <div className="stack drawer-stack">
      <dl className="facts">
        <div>
          <dt>{t("operate.reactors.stateTitle")}</dt>
          <dd className="fact-small">
            <ReactorState reactor={reactor} />
          </dd>
        </div>
        <div>
          <dt>{t("operate.reactors.waiting")}</dt>
          <dd>{format.num(reactor.waiting)}</dd>
        </div>
        <div>
          <dt>{t("operate.reactors.lag")}</dt>
          <dd>{reactor.waiting > 0 ? format.duration(reactor.lag_seconds) : "–"}</dd>
        </div>
        <div>
          <dt>{t("operate.reactors.passed")}</dt>
          <dd>{format.num(reactor.passed)}</dd>
        </div>
        <div>
          <dt>{t("operate.reactors.dropped")}</dt>
          <dd>{format.num(reactor.dropped)}</dd>
        </div>
      </dl>
      {reactor.error && (
        <p className="reason-box">
          <small>
            {reactor.failing_since
              ? t("operate.reactors.failingSince", {
                  when: format.relative(reactor.failing_since),
                  n: format.num(reactor.attempts),
                  count: reactor.attempts,
                })
              : t("operate.reactors.error")}
          </small>
          {say(reactor.error_text, reactor.error)}
        </p>
      )}
      <p className="muted">{t(`operate.reactors.stateHint.${reactor.state}`)}</p>
      <DeadLetters reactor={reactor} />
    </div>
  );
}

function DeadLetters({ reactor }: { reactor: Reactor }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const say = useSayText();
  // The code before the sentence is for programs.
  const reason = (l: ReactorDeadLetter) => say(l.reason_text, l.reason.replace(/^[a-z_]+: /, ""));
  const may = useMay("reactors:write");
  const pages = usePages(useInfiniteQuery({ ...reactorLettersQuery(reactor.name), refetchInterval: 5_000 }));
  const [selected, setSelected] = useState<string[]>([]);
  const columns: Column<ReactorDeadLetter>[] = [
    {
      key: "what",
      title: t("operate.reactors.what"),
      width: 190,
      value: (l) => `${t(`operate.reactors.kind.${l.kind}`)} ${l.name}`,
      render: (l) => (
        <span className="dead-what">
          <span className="ellipsis">
            {t(`operate.reactors.kind.${l.kind}`)}
            {l.name && ` · ${l.kind === "event" ? labels.event(l.name) : l.name}`}
          </span>
          {l.waiting && <Pill tone="gold">{t("operate.reactors.again")}</Pill>}
        </span>
      ),
    },
    {
      key: "person",
      title: t("operate.reactors.person"),
      width: 110,
      value: (l) => l.person,
      render: (l) =>
        l.person ? (
          <Link to="/people/$ref" params={{ ref: l.person }} className="person-link">
            {l.person}
          </Link>
        ) : (
          "–"
        ),
    },
    {
      key: "reason",
      title: t("operate.reactors.reason"),
      width: 260,
      value: reason,
      render: (l) => (
        <span className="ellipsis muted" title={reason(l)}>
          {reason(l)}
        </span>
      ),
    },
    {
      key: "time",
      title: t("operate.reactors.time"),
      width: 110,
      align: "right",
      value: (l) => l.time,
      time: true,
      render: (l) => <RelativeTime at={l.time} />,
    },
    {
      key: "attempts",
      title: t("operate.reactors.attempts"),
      optional: true,
      width: 90,
      align: "right",
      value: (l) => l.attempts,
    },
    {
      key: "message_id",
      title: t("operate.reactors.messageId"),
      optional: true,
      width: 160,
      value: (l) => l.message_id,
      render: (l) => <code>{l.message_id || "–"}</code>,
    },
  ];
  return (
    <section>
      <h3>{t("operate.reactors.dead")}</h3>
      <DataTable
        id="reactor-letters"
        label={t("operate.reactors.dead")}
        columns={columns}
        {...pages}
        rowKey={(l) => l.id}
        {...(may ? { selection: { keys: selected, onChange: setSelected } } : {})}
        tools={
          may &&
          reactor.dead_letters > 0 && (
            <Bulk reactor={reactor} selected={selected} onDone={() => setSelected([])} />
          )
        }
        empty={<EmptyState icon={<MailCheck />} title={t("operate.reactors.noDead")} />}
      />
    </section>
  );
}

/** Replays and discards: the selected ones, or all. */
function Bulk(props: { reactor: Reactor; selected: string[]; onDone: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const name = props.reactor.name;
  const body = props.selected.length > 0 ? { ids: props.selected } : { all: true };
  const n = props.selected.length || props.reactor.dead_letters;
  const after = async () => {
    props.onDone();
    await client.invalidateQueries({ queryKey: ["reactors"] });
  };
  const replay = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/reactors/{name}/dead-letters/replay", {
          params: { path: { name }, header: idempotencyKey() },
          body,
        }),
      ),
    onSuccess: async (r) => {
      message.success(t("operate.reactors.replayed", { count: r.changed, n: format.num(r.changed) }));
      await after();
    },
  });
  const discard = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/reactors/{name}/dead-letters/discard", {
          params: { path: { name }, header: idempotencyKey() },
          body,
        }),
      ),
    onSuccess: async (r) => {
      message.success(t("operate.reactors.discarded", { count: r.changed, n: format.num(r.changed) }));
      await after();
    },
  });
  return (
    <>
      <ConfirmButton
        does="replay"
        title={t("operate.reactors.replayTitle", { count: n, n: format.num(n) })}
        text={t("operate.reactors.replayText")}
        ok={t("operate.reactors.replay")}
        run={() => replay.mutateAsync()}
        pending={replay.isPending}
      >
        {t("operate.reactors.replayN", { n: format.num(n) })}
      </ConfirmButton>
      <ConfirmButton
        does="discard"
        title={t("operate.reactors.discardTitle", { count: n, n: format.num(n) })}
        text={t("operate.reactors.discardText")}
        ok={t("operate.reactors.discard")}
        run={() => discard.mutateAsync()}
        pending={discard.isPending}
      >
        {t("operate.reactors.discardN", { n: format.num(n) })}
      </ConfirmButton>
    </>
  );
}

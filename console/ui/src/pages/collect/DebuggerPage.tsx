import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Segmented, Select, Tooltip } from "antd";
import { Eraser } from "lucide-react";
import { memo, useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { sourcesQuery } from "@/api/queries";
import type { LiveEvent } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ChannelIcon } from "@/components/ChannelIcon";
import { CodeSnippet, Json } from "@/components/CodeSnippet";
import { DetailDrawer } from "@/components/DetailDrawer";
import { LinkButton } from "@/components/LinkButton";
import { LiveStatus, PauseButton } from "@/components/LiveStatus";
import { PageHeader } from "@/components/PageHeader";
import { IdentifierChip, Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { TimeMarkPill, TimeMarkText } from "@/components/TimeMark";
import { PropertyPreview } from "@/components/Value";
import { useLabels } from "@/lib/labels";
import { timeMarkOf } from "@/lib/timeMark";
import { useLiveList } from "@/lib/useLive";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { liveIdentifiers, liveName } from "./rawEvent";
import { curlSnippet } from "./snippets";
import "./collect.css";

const route = getRouteApi("/shell/collect/debugger");
const kept = 500;

export function DebuggerPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { source, q, show } = route.useSearch();
  const setSearch = useSetSearch();
  const sources = useQuery({ ...sourcesQuery, enabled: useMay("sources:read") }).data?.items;
  const { byId } = useSources();
  const [paused, setPaused] = useState(false);
  const [open, setOpen] = useState<LiveEvent | null>(null);

  const url = useMemo(() => {
    const params = new URLSearchParams();
    if (source) params.set("source", source);
    if (q) params.set("q", q);
    const s = params.toString();
    return `/api/v1/live/events${s ? `?${s}` : ""}`;
  }, [source, q]);
  const { items, state, clear } = useLiveList<LiveEvent>(url, (e) => e.message_id, { limit: kept, paused });
  const matching = useMemo(
    () => (show ? items.filter((e) => e.rejected === (show === "rejected")) : items),
    [items, show],
  );

  // Whoever has scrolled down is reading: new events wait above until they come back to the top.
  const box = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<LiveEvent[] | null>(null);
  const onScroll = () => {
    const away = (box.current?.scrollTop ?? 0) > 8;
    if (away && !held) setHeld(matching);
    else if (!away && held) setHeld(null);
  };
  const rows = held ?? matching;
  const waiting = held
    ? Math.max(
        0,
        matching.findIndex((e) => e.message_id === held[0]?.message_id),
      )
    : 0;
  const openRow = useCallback((e: LiveEvent) => setOpen(e), []);

  const key = sources?.find((s) => s.enabled && s.write_key)?.write_key;
  const filtered = Boolean(source || q || show);
  return (
    <div className="page">
      <PageHeader
        title={t("collect.debugger.title")}
        about={t("collect.debugger.about")}
        actions={
          <>
            <LiveStatus state={state} />
            <PauseButton paused={paused} onToggle={() => setPaused(!paused)} />
          </>
        }
      />
      <div className="bar">
        <SearchField
          value={q ?? ""}
          onSearch={(text) => setSearch({ q: text })}
          placeholder={t("collect.debugger.search")}
        />
        <Select
          value={source ?? null}
          onChange={(v: string | null) => setSearch({ source: v ?? undefined })}
          allowClear
          placeholder={t("collect.debugger.allSources")}
          aria-label={t("collect.debugger.source")}
          style={{ width: 200 }}
          popupMatchSelectWidth={260}
          options={[...byId.values()].map((s) => ({ value: s.id, label: s.name }))}
        />
        <Segmented
          value={show ?? "all"}
          onChange={(v) => setSearch({ show: v === "all" ? undefined : v })}
          options={(["all", "accepted", "rejected"] as const).map((v) => ({
            value: v,
            label: t(`collect.debugger.${v}`),
          }))}
        />
        <span className="push-right">
          <Tooltip title={t("collect.debugger.clear")}>
            <Button
              type="text"
              icon={<Eraser size={15} />}
              aria-label={t("collect.debugger.clear")}
              onClick={() => {
                clear();
                setHeld(null);
              }}
            />
          </Tooltip>
        </span>
      </div>
      <div className="card feed-card">
        <div className="feed-row feed-head" aria-hidden="true">
          <span>{t("collect.debugger.time")}</span>
          <span>{t("collect.debugger.event")}</span>
          <span>{t("collect.debugger.who")}</span>
          <span>{t("collect.debugger.properties")}</span>
        </div>
        {waiting > 0 && (
          <button type="button" className="feed-waiting" onClick={() => box.current?.scrollTo({ top: 0 })}>
            {t("live.waiting", { count: waiting, n: format.num(waiting) })} ↑
          </button>
        )}
        <div
          className="feed"
          ref={box}
          onScroll={onScroll}
          role="log"
          aria-live="off"
          aria-label={t("collect.debugger.title")}
        >
          {rows.map((e) => (
            <FeedRow
              key={e.message_id}
              event={e}
              channel={byId.get(e.source)?.kind ?? "server"}
              onOpen={openRow}
              open={open?.message_id === e.message_id}
            />
          ))}
          {rows.length === 0 && (
            <EmptyState
              title={filtered ? t("collect.debugger.waiting") : t("collect.debugger.empty")}
              hint={
                !filtered && (
                  <>
                    {t("collect.debugger.emptyHint")}
                    <CodeSnippet code={curlSnippet(window.location.origin, key ?? "WRITE_KEY")} />
                  </>
                )
              }
            />
          )}
        </div>
        <div className="feed-foot muted">{t("collect.debugger.kept", { n: format.num(kept) })}</div>
      </div>
      <EventDrawer event={open} onClose={() => setOpen(null)} />
    </div>
  );
}

const FeedRow = memo(function FeedRow(props: {
  event: LiveEvent;
  channel: string;
  open: boolean;
  onOpen: (e: LiveEvent) => void;
}) {
  const { event: e } = props;
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const who = liveIdentifiers(e)[0];
  return (
    <button
      type="button"
      className="feed-row"
      data-open={props.open || undefined}
      onClick={() => props.onOpen(e)}
    >
      <time dateTime={e.received_at}>{format.time(e.received_at)}</time>
      <span className="feed-event">
        <ChannelIcon channel={props.channel} />
        <b className="ellipsis">{labels.event(liveName(e)) || t("collect.debugger.raw")}</b>
        {e.rejected ? (
          <Pill tone="bad">{t("collect.debugger.rejected")}</Pill>
        ) : (
          <TimeMarkPill context={e.context} />
        )}
      </span>
      <code
        className={e.user_id ? "ellipsis" : "ellipsis muted"}
        title={who && labels.identifierKind(who.kind)}
      >
        {who?.value}
      </code>
      {e.rejected ? (
        <span className="ellipsis feed-reason">{e.reason}</span>
      ) : (
        <PropertyPreview properties={e.type === "identify" ? e.traits : e.properties} />
      )}
    </button>
  );
});

function EventDrawer({ event, onClose }: { event: LiveEvent | null; onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const [last, setLast] = useState(event);
  if (event && event !== last) setLast(event);
  const e = event ?? last;
  if (!e) return null;
  const lag = (Date.parse(e.received_at) - Date.parse(e.time)) / 1000;
  const identifiers = liveIdentifiers(e);
  const { rejected, reason, ...shown } = e;
  return (
    <DetailDrawer
      open={event !== null}
      onClose={onClose}
      title={
        <span className="row">
          {labels.event(liveName(e)) || t("collect.debugger.raw")}
          <Pill tone={rejected ? "bad" : "good"}>
            {t(rejected ? "collect.debugger.rejected" : "collect.debugger.accepted")}
          </Pill>
        </span>
      }
      actions={
        rejected ? (
          <LinkButton to="/collect/quarantine" search={{ source: e.source }} size="small">
            {t("collect.debugger.toQuarantine")}
          </LinkButton>
        ) : (
          identifiers[0] && (
            <LinkButton
              to="/people/$ref"
              params={{ ref: `${identifiers[0].kind}:${identifiers[0].value}` }}
              size="small"
            >
              {t("collect.debugger.toPerson")}
            </LinkButton>
          )
        )
      }
    >
      <div className="stack drawer-stack">
        {rejected && (
          <p className="reason-box">
            <small>{t("collect.debugger.reason")}</small>
            {reason}
          </p>
        )}
        <dl className="pairs">
          <dt>{t("collect.debugger.source")}</dt>
          <dd>{sources.nameOf(e.source)}</dd>
          <dt>{t("collect.debugger.time")}</dt>
          <dd>
            <ExactTime at={e.received_at} />
          </dd>
          <dt>{t("collect.debugger.sentAt")}</dt>
          <dd>
            <ExactTime at={e.time} />
            {lag >= 0 && (
              <span className="muted">
                {" · "}
                {lag < 0.001
                  ? t("collect.debugger.lagNone")
                  : t("collect.debugger.lag", { lag: format.duration(lag) })}
              </span>
            )}
          </dd>
          {!rejected && timeMarkOf(e.context) && (
            <>
              <dt>{t("time.mark.label")}</dt>
              <dd>
                <TimeMarkText context={e.context} />
              </dd>
            </>
          )}
          {identifiers.map((i) => (
            <div key={`${i.kind}:${i.value}`} className="pair">
              <dt>{labels.identifierKind(i.kind)}</dt>
              <dd>
                <IdentifierChip {...i} label="" />
              </dd>
            </div>
          ))}
        </dl>
        {rejected ? (
          <section data-testid="raw-event">
            <h3 className="drawer-title">{t("collect.debugger.sent")}</h3>
            {/* What is no JSON came as the text that was sent. */}
            {typeof e.raw === "string" ? <CodeSnippet code={e.raw} /> : <Json value={e.raw ?? shown} />}
          </section>
        ) : (
          <Json value={shown} />
        )}
      </div>
    </DetailDrawer>
  );
}

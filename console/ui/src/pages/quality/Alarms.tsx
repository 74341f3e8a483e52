import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, Dropdown } from "antd";
import { BellOff, ChevronDown, ChevronUp, Wrench } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import type { QualityAlarm } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { LinkButton } from "@/components/LinkButton";
import { Named } from "@/components/Named";
import { Pill } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { useWrite } from "@/lib/useWrite";
import { groupsQuery } from "../collect/repair/queries";

const shownFirst = 5;

/** What is not as usual now, and what was not. */
export function Alarms({ query }: { query: UseQueryResult<{ items: QualityAlarm[] }> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [all, setAll] = useState(false);
  if (query.error && !query.data)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const items = query.data?.items ?? [];
  const open = items.filter((a) => a.closed_at === null);
  const closed = items.filter((a) => a.closed_at !== null);
  const shown = all ? items : [...open, ...closed].slice(0, Math.max(open.length, shownFirst));
  return (
    <section className="card" data-testid="alarms">
      <div className="card-head">
        <h2>{t("quality.alarms")}</h2>
        {open.length > 0 && (
          <Pill tone="bad" dot>
            {t("quality.alarmsOpen", { count: open.length, n: format.num(open.length) })}
          </Pill>
        )}
      </div>
      {query.isPending ? (
        <div className="card-pad">
          <span className="bone" style={{ width: "60%" }} />
        </div>
      ) : items.length === 0 ? (
        <p className="card-pad muted">{t("quality.noAlarms")}</p>
      ) : (
        <ul className="quality-alarms">
          {shown.map((a) => (
            <Alarm key={a.id} alarm={a} />
          ))}
        </ul>
      )}
      {items.length > shown.length || all ? (
        <Button
          type="text"
          size="small"
          className="quality-more"
          icon={all ? <ChevronUp size={14} /> : <ChevronDown size={14} />}
          onClick={() => setAll(!all)}
        >
          {all ? t("quality.fewer") : t("quality.earlier", { n: format.num(items.length - shown.length) })}
        </Button>
      ) : null}
    </section>
  );
}

function Alarm({ alarm }: { alarm: QualityAlarm }) {
  const { t } = useTranslation();
  const sources = useSources();
  const client = useQueryClient();
  const may = useMay("quality:write");
  const setSearch = useSetSearch();
  const note = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/quality/alarms/{id}/note", {
          params: { path: { id: alarm.id }, header: idempotencyKey() },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["quality", "alarms"] }),
  });
  const mute = useWrite({
    mutationFn: (hours: number) =>
      data(
        api.POST("/api/v1/quality/alarms/{id}/mute", {
          params: { path: { id: alarm.id }, header: idempotencyKey() },
          body: { until: hours === 0 ? null : new Date(Date.now() + hours * 3_600_000).toISOString() },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["quality", "alarms"] }),
  });
  const isOpen = alarm.closed_at === null;
  const isMuted = alarm.muted_until !== null && Date.parse(alarm.muted_until) > Date.now();
  return (
    <li data-open={isOpen}>
      <div className="row">
        <Pill tone={isOpen ? "bad" : "plain"} dot={isOpen}>
          {t(`quality.kinds.${alarm.kind}`)}
        </Pill>
        <strong className="ellipsis" title={sources.nameOf(alarm.source)}>
          {alarm.kind === "tag_stale" ? (
            <Link to="/tags">tag.{alarm.event}</Link>
          ) : (
            sources.nameOf(alarm.source)
          )}
        </strong>
        {alarm.event && alarm.kind !== "tag_stale" && (
          <Link to="/collect/catalogue" search={{ event: alarm.event }} className="door">
            <Named sort="event" name={alarm.event} />
          </Link>
        )}
        {alarm.field && alarm.kind !== "tag_stale" && <Named sort="property" name={alarm.field} code />}
        <span className="push-right muted">
          {isOpen ? <RelativeTime at={alarm.began_at} /> : <RelativeTime at={alarm.closed_at} />}
        </span>
      </div>
      <p>
        <Cause alarm={alarm} />
      </p>
      <div className="row muted">
        <span>
          {t("quality.since")} <ExactTime at={alarm.began_at} />
          {alarm.closed_at && (
            <>
              {" – "}
              <ExactTime at={alarm.closed_at} />
            </>
          )}
        </span>
        {mendable(alarm) && <Repair alarm={alarm} />}
        {alarm.kind !== "tag_stale" && (
          <button type="button" className="door" onClick={() => setSearch({ impact: alarm.id }, "push")}>
            {t("lineage.impact")}
          </button>
        )}
        {isMuted && (
          <span>
            {t("quality.mutedUntil")} <ExactTime at={alarm.muted_until} />
          </span>
        )}
        <span className="push-right row">
          {may && (isOpen || isMuted) && (
            <Dropdown
              trigger={["click"]}
              menu={{
                items: isMuted
                  ? [{ key: "0", label: t("quality.unmute") }]
                  : [
                      { key: "1", label: t("quality.muteHour") },
                      { key: "24", label: t("quality.muteDay") },
                      { key: "168", label: t("quality.muteWeek") },
                    ],
                onClick: ({ key }) => mute.mutate(Number(key)),
              }}
            >
              <Button size="small" icon={<BellOff size={14} />} loading={mute.isPending}>
                {t("quality.mute")}
              </Button>
            </Dropdown>
          )}
          {alarm.noted_at ? (
            t("quality.noted")
          ) : isOpen && may ? (
            <Button size="small" loading={note.isPending} onClick={() => note.mutate()}>
              {t("quality.note")}
            </Button>
          ) : null}
        </span>
      </div>
    </li>
  );
}

/** Events of it may be in quarantine. */
const mendable = (a: QualityAlarm) =>
  a.kind === "refused" || a.kind === "type_changed" || a.kind === "field_missing";

/** What of an alarm waits in quarantine: straight to the rule that mends it. */
function Repair({ alarm }: { alarm: QualityAlarm }) {
  const { t } = useTranslation();
  const format = useFormat();
  const may = useMay("quarantine:read");
  const groups = useQuery({ ...groupsQuery(alarm.source), enabled: may, refetchInterval: 5_000 });
  const group = groups.data?.items.find(
    (g) => g.event === alarm.event && (alarm.field === "" || g.params.path === alarm.field),
  );
  if (group)
    return (
      <LinkButton
        size="small"
        primary={alarm.closed_at === null}
        icon={<Wrench size={14} />}
        to="/collect/quarantine"
        search={{ source: alarm.source, view: "groups", group: group.key }}
      >
        {t("quality.repair", { count: group.count, n: format.num(group.count) })}
      </LinkButton>
    );
  if (alarm.kind !== "refused") return null;
  return (
    <Link to="/collect/quarantine" search={{ source: alarm.source, view: "groups" }} className="door">
      {t("quality.toQuarantine")}
    </Link>
  );
}

/** One sentence: what was usual and what is seen now. */
function Cause({ alarm: a }: { alarm: QualityAlarm }) {
  const { t } = useTranslation();
  const sources = useSources();
  const format = useFormat();
  const labels = useLabels();
  switch (a.kind) {
    case "silent":
      return t("quality.cause.silent", { usual: format.num(a.usual, a.usual < 10 ? 1 : 0) });
    case "volume_drop":
    case "volume_surge":
      return t(`quality.cause.${a.kind}`, {
        usual: format.num(a.usual, a.usual < 10 ? 1 : 0),
        seen: format.num(a.seen, a.seen < 10 ? 1 : 0),
      });
    case "tag_stale":
      return t("quality.cause.tag_stale", {
        seen: format.num(Math.floor(a.seen)),
        usual: format.num(a.usual),
        cause: t(`quality.stale.${a.seen_type as "job_late"}`, { source: sources.nameOf(a.field) }),
      });
    case "type_changed":
      return t("quality.cause.type_changed", {
        field: labels.property(a.field),
        share: format.percent(a.seen, 0),
        usual: t(`quality.types.${a.usual_type as "string"}`),
        seen: t(`quality.types.${a.seen_type as "string"}`),
      });
    case "field_missing":
      return t("quality.cause.field_missing", {
        field: labels.property(a.field),
        usual: format.percent(a.usual, 0),
        seen: format.percent(a.seen, 0),
      });
    default:
      return t(a.kind === "refused" && a.field ? "quality.cause.refusedFor" : `quality.cause.${a.kind}`, {
        field: labels.property(a.field),
        usual: format.percent(a.usual, 1),
        seen: format.percent(a.seen, 0),
      });
  }
}

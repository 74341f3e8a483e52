import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { segmentCompareQuery, segmentVersionsQuery } from "@/api/queries";
import type { Segment, SegmentVersion } from "@/api/types";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { useWrite } from "@/lib/useWrite";

/** What the segment was, who wrote and who approved it, in what each version differs from the one before, and the ways back. */
export function VersionsTab({ segment: s }: { segment: Segment }) {
  const { t } = useTranslation();
  const query = useQuery(segmentVersionsQuery(s.id));
  if (query.error && !query.data)
    return (
      <section className="card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </section>
    );
  const items = query.data?.items;
  if (!items) return <span className="bone" style={{ width: "100%", height: 160 }} />;
  return (
    <section className="card">
      <ol className="segment-versions" aria-label={t("segments.tabs.versions")}>
        {items.map((v, i) => (
          <VersionLine key={v.version} segment={s} version={v} before={items[i + 1]} />
        ))}
      </ol>
    </section>
  );
}

function VersionLine({
  segment: s,
  version: v,
  before,
}: {
  segment: Segment;
  version: SegmentVersion;
  before: SegmentVersion | undefined;
}) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const [shown, setShown] = useState(false);
  const rule = v.rule as Segment["rule"] | null;
  return (
    <li data-testid={`version-${v.version}`}>
      <div className="row">
        <b>{t("segments.version", { n: v.version })}</b>
        {!v.held_at && <Pill tone="warn">{t("segments.waits")}</Pill>}
        {v.held_at && v.version === s.version && (
          <Pill tone="good" dot>
            {t("segments.versionNow")}
          </Pill>
        )}
        <span className="muted push-right">
          {v.author_name && `${v.author_name} · `}
          <ExactTime at={v.written_at} />
        </span>
      </div>
      {v.note && <p>{v.note}</p>}
      <p className={rule ? "" : "muted"}>{rule ? words.rule(rule) : t("segments.fixed")}</p>
      <div className="row">
        {v.approver_name && (
          <span className="muted">{t("segments.approvedBy", { name: v.approver_name })}</span>
        )}
        {rule && before?.rule != null && (
          <Button size="small" type="text" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t("segments.compare", { n: before.version })}
          </Button>
        )}
        <VersionActions segment={s} version={v} />
      </div>
      {shown && before && <Differences id={s.id} from={before.version} to={v.version} />}
    </li>
  );
}

function VersionActions({ segment: s, version: v }: { segment: Segment; version: SegmentVersion }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [mayWrite, mayApprove] = [useMay("segments:write"), useMay("segments:approve")];
  const path = { id: s.id };
  const done = (text: string) => async () => {
    message.success(text);
    await client.invalidateQueries({ queryKey: ["segments"] });
  };
  const approve = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/segments/{id}/approve", {
          params: { path, header: idempotencyKey() },
          body: { version: v.version, written_at: v.written_at },
        }),
      ),
    onSuccess: done(t("segments.approved")),
  });
  const back = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/segments/{id}/rollback", {
          params: { path, header: idempotencyKey() },
          body: { version: v.version },
        }),
      ),
    onSuccess: done(t(s.guarded ? "segments.rolledBackWaits" : "segments.rolledBack")),
  });
  const discard = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/segments/{id}/draft", { params: { path } })),
    onSuccess: done(t("segments.discarded")),
  });
  if (!v.held_at)
    return (
      <>
        {mayApprove && (
          <Button type="primary" size="small" loading={approve.isPending} onClick={() => approve.mutate()}>
            {t("segments.approve")}
          </Button>
        )}
        {mayWrite && (
          <ConfirmButton
            does="discard"
            size="small"
            title={t("segments.discardTitle", { n: v.version })}
            ok={t("segments.discard")}
            run={() => discard.mutateAsync()}
            pending={discard.isPending}
          >
            {t("segments.discard")}
          </ConfirmButton>
        )}
      </>
    );
  if (!mayWrite || v.rule == null || v.version === s.version) return null;
  return (
    <Button size="small" icon={<Undo2 size={13} />} loading={back.isPending} onClick={() => back.mutate()}>
      {t("segments.rollback")}
    </Button>
  );
}

function Differences({ id, from, to }: { id: string; from: number; to: number }) {
  const { t } = useTranslation();
  const query = useQuery(segmentCompareQuery(id, from, to));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <span className="bone" style={{ width: "60%" }} />;
  if (query.data.items.length === 0) return <p className="muted">{t("segments.same")}</p>;
  return (
    <table className="segment-differences">
      <thead>
        <tr>
          <th>{t("segments.differenceAt")}</th>
          <th>{t("segments.version", { n: from })}</th>
          <th>{t("segments.version", { n: to })}</th>
        </tr>
      </thead>
      <tbody>
        {query.data.items.map((d) => (
          <tr key={d.path}>
            <td>
              <code>{d.path || t("segments.wholeRule")}</code>
            </td>
            <td>
              <Part value={d.old} />
            </td>
            <td>
              <Part value={d.new} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Part({ value }: { value: unknown }) {
  return value == null ? <span className="muted">–</span> : <Value value={value} />;
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Progress, Radio, Switch } from "antd";
import { RotateCcw } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { jobQuery, unfinished } from "@/api/jobs";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { DetailDrawer } from "@/components/DetailDrawer";
import { LinkButton } from "@/components/LinkButton";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { PlanOfSource } from "../Planned";
import {
  type Group,
  groupQuery,
  type MendRule,
  type MendStep,
  suggestionsQuery,
  type Trial,
  trialQuery,
} from "./queries";
import { around, complete, diffLines, readByEdge } from "./rule";
import { StepFields } from "./StepFields";
import { useRepairWords } from "./words";

/** A group of refused events: a rule that repairs them, what it would do, and the replay. */
export function RepairDrawer({ group, onClose }: { group: string | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const [last, setLast] = useState(group);
  if (group && group !== last) setLast(group);
  const key = last ?? "";
  const query = useQuery({ ...groupQuery(key), enabled: key !== "" });
  const [kept, setKept] = useState<Group>();
  if (query.data && query.data !== kept) setKept(query.data);
  // While its events are replayed the group grows smaller, and is gone at the end.
  const g = kept?.key === key ? kept : undefined;
  const open = group !== undefined;
  if (!g)
    return (
      <DetailDrawer open={open} onClose={onClose} title={t("collect.repair.title")} width={860}>
        {query.error ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          query.isSuccess && <EmptyState title={t("collect.repair.gone")} />
        )}
      </DetailDrawer>
    );
  return <Body key={g.key} group={g} open={open} onClose={onClose} />;
}

function Body({ group, open, onClose }: { group: Group; open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const words = useRepairWords();
  const sources = useSources();
  const client = useQueryClient();
  const mayReplay = useMay("quarantine:write");
  const mayKeep = useMay("plans:write");
  const suggestions = useQuery(suggestionsQuery(group.key));
  const [steps, setSteps] = useState<MendStep[]>();
  const [keep, setKeep] = useState(false);
  const [job, setJob] = useState<string>();

  const best = suggestions.data?.items[0];
  const current = steps ??
    best?.rule.steps ?? [
      { do: "set" as const, field: `properties.${group.params.path ?? ""}`, expression: "value" },
    ];
  const rule: MendRule = {
    name: current.map(words.step).join(" · ").slice(0, 60),
    source: group.source,
    event: current.some((s) => readByEdge({ name: "", steps: [s] })) ? "" : group.event,
    steps: current,
  };
  const ready = (steps !== undefined || suggestions.isSuccess) && current.every(complete);
  const asked = useDeferredValue(rule);
  const trial = useQuery({ ...trialQuery(group.key, asked), enabled: open && ready && job === undefined });
  const edge = readByEdge(rule);
  const holds = keep && mayKeep && !edge;
  useUnsaved(open && steps !== undefined && job === undefined);

  const replay = useWrite({
    mutationFn: async () => {
      if (holds) {
        await data(api.POST("/api/v1/mends", { params: { header: idempotencyKey() }, body: rule }));
      }
      // A rule that holds mends the events on their way; twice would be once too often.
      const input = holds ? { group: group.key } : { group: group.key, rule };
      return data(
        api.POST("/api/v1/jobs", {
          params: { header: idempotencyKey() },
          body: { kind: "quarantine.replay", input },
        }),
      );
    },
    onSuccess: async (j) => {
      setJob(j.id);
      await client.invalidateQueries({ queryKey: ["mends"] });
    },
  });

  return (
    <DetailDrawer
      open={open}
      onClose={onClose}
      width={860}
      title={group.event ? labels.event(group.event) : t("collect.repair.title")}
      footer={
        mayReplay &&
        job === undefined && (
          <div className="row repair-footer">
            <Button
              type="primary"
              icon={<RotateCcw size={14} />}
              disabled={!ready || !trial.data || trial.data.passed === 0}
              loading={replay.isPending}
              onClick={() => replay.mutate()}
            >
              {t("collect.repair.replay", { count: group.count, n: format.num(group.count) })}
            </Button>
            {/* biome-ignore lint/a11y/noLabelWithoutControl: the switch is inside */}
            <label className="row nowrap repair-keep">
              <Switch size="small" checked={holds} disabled={!mayKeep || Boolean(edge)} onChange={setKeep} />
              <span>
                {t("collect.repair.keep")}
                <small className="muted">
                  {edge ? t("collect.repair.keepNot", { field: edge }) : t("collect.repair.keepHint")}
                </small>
              </span>
            </label>
          </div>
        )
      }
    >
      <div className="stack drawer-stack">
        <p className="reason-box">
          <small>
            {sources.nameOf(group.source)}
            {job === undefined &&
              ` · ${t("collect.repair.waiting", { count: group.count, n: format.num(group.count) })}`}
          </small>
          {words.reason(group)}
        </p>
        {(group.code === "tracking_plan" || group.code === "plan_refused") && (
          <PlanOfSource source={group.source} event={group.event || undefined} />
        )}
        {job ? (
          <Replaying job={job} source={group.source} onDone={onClose} />
        ) : (
          <>
            <section className="stack">
              <h3>{t("collect.repair.rule")}</h3>
              {suggestions.data && suggestions.data.items.length > 0 && (
                <Radio.Group
                  className="repair-suggestions"
                  value={steps === undefined ? 0 : -1}
                  onChange={(e) => {
                    const s = suggestions.data.items[e.target.value as number];
                    if (s) setSteps(e.target.value === 0 ? undefined : s.rule.steps);
                  }}
                >
                  {suggestions.data.items.slice(0, 4).map((s, i) => (
                    <Radio key={s.rule.name + String(i)} value={i}>
                      {s.rule.steps.map(words.step).join(" · ")}
                      <small className="muted">
                        {t("collect.repair.passes", { n: format.num(s.passed), of: format.num(s.looked) })}
                      </small>
                    </Radio>
                  ))}
                </Radio.Group>
              )}
              {suggestions.data?.items.length === 0 && <p className="muted">{t("collect.repair.none")}</p>}
              <StepFields steps={current} onChange={setSteps} />
            </section>
            <section className="stack">
              <h3>{t("collect.repair.preview")}</h3>
              {trial.error ? (
                <ErrorState error={trial.error} onRetry={() => void trial.refetch()} />
              ) : trial.data ? (
                <TrialView trial={trial.data} />
              ) : (
                <p className="muted">{t(ready ? "collect.repair.trying" : "collect.repair.incomplete")}</p>
              )}
            </section>
          </>
        )}
      </div>
    </DetailDrawer>
  );
}

function TrialView({ trial }: { trial: Trial }) {
  const { t } = useTranslation();
  const format = useFormat();
  const good = trial.passed === trial.looked;
  return (
    <>
      <Alert
        type={good ? "success" : trial.passed > 0 ? "warning" : "error"}
        showIcon
        data-testid="repair-trial"
        title={t("collect.repair.wouldPass", {
          n: format.num(trial.passed),
          of: format.num(trial.looked),
          total: format.num(trial.total),
        })}
        description={
          trial.reasons.length > 0 && (
            <ul className="repair-reasons">
              {trial.reasons.slice(0, 5).map((r) => (
                <li key={r.reason}>
                  {format.num(r.count)} × {r.reason}
                </li>
              ))}
            </ul>
          )
        }
      />
      {trial.examples.slice(0, 4).map((e) => {
        const lines = around(diffLines(formatJson(e.before, 2), formatJson(e.after, 2)));
        return (
          <figure className="repair-example" key={e.id}>
            <figcaption className={e.reason ? "repair-bad" : "repair-good"}>
              {e.reason
                ? t("collect.repair.staysBecause", { reason: e.reason })
                : t("collect.repair.comesIn")}
              {e.failed && <small> · {t("collect.repair.failed", { field: e.failed })}</small>}
            </figcaption>
            {lines.length === 0 ? (
              <p className="muted">{t("collect.repair.same")}</p>
            ) : (
              <pre>
                {lines.map((l, i) => (
                  <span
                    // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
                    key={i}
                    className={
                      l === null ? "muted" : l.sign === "-" ? "diff-gone" : l.sign === "+" ? "diff-new" : ""
                    }
                  >
                    {l === null ? "  …\n" : `${l.sign} ${l.text}\n`}
                  </span>
                ))}
              </pre>
            )}
          </figure>
        );
      })}
    </>
  );
}

/** How far the replay is, and what became of the events. */
function Replaying({ job, source, onDone }: { job: string; source: string; onDone: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const client = useQueryClient();
  const j = useQuery(jobQuery(job)).data;
  const over = j !== undefined && !unfinished(j);
  const maySee = useMay("quality:read");
  useEffect(() => {
    if (!over) return;
    void client.invalidateQueries({ queryKey: ["quarantine"] });
    void client.invalidateQueries({ queryKey: ["stats"] });
    void client.invalidateQueries({ queryKey: ["quality"] });
  }, [over, client]);
  const result = (j?.result ?? {}) as { replayed?: number; rejected?: number };
  const share = j && j.total > 0 ? Math.floor((j.done / j.total) * 100) : 0;
  return (
    <section className="stack" data-testid="repair-result">
      {!over && <Progress percent={share} />}
      {j?.status === "done" && (
        <Alert
          type={result.rejected ? "warning" : "success"}
          showIcon
          title={t("collect.repair.done", {
            count: result.replayed ?? 0,
            n: format.num(result.replayed ?? 0),
          })}
          description={
            result.rejected
              ? t("collect.quarantine.rejectedCount", {
                  count: result.rejected,
                  n: format.num(result.rejected),
                })
              : undefined
          }
        />
      )}
      {over && j?.status !== "done" && (
        <Alert type="error" showIcon title={j?.failure?.detail || t("collect.repair.notDone")} />
      )}
      <div className="row">
        {over && <Button onClick={onDone}>{t("collect.repair.back")}</Button>}
        {over && maySee && (
          <LinkButton to="/collect/quality" search={{ source }}>
            {t("collect.repair.toScore")}
          </LinkButton>
        )}
        <LinkButton to="/jobs" search={{ open: job }}>
          {t("collect.repair.job")}
        </LinkButton>
      </div>
    </section>
  );
}

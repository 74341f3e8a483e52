import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, AutoComplete, Button, Input, Popover, Progress } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { dryRunQuery, sourcesQuery } from "@/api/queries";
import type { DryRun, Import, Upload } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { LinkButton } from "@/components/LinkButton";
import { stableJson } from "@/lib/json";
import { useWrite } from "@/lib/useWrite";
import { Foreseen } from "./Foreseen";
import type { Mapping } from "./mapping";
import { Reasons, RunFailure } from "./ResultCard";

/** The source, the dry run, and the button that it is all for. */
export function RunCard(props: {
  upload: Upload;
  mapping: Mapping;
  yaml: string;
  ready: boolean;
  onStarted: (i: Import) => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [already, setAlready] = useState<Import>();
  const sources = useQuery(sourcesQuery).data?.items ?? [];
  const [source, setSource] = useState(() =>
    props.upload.name.replace(/(\.\w{1,7}){1,2}$/, "").slice(0, 100),
  );
  const start = useWrite({
    mutationFn: ({ again = false, without = false }: { again?: boolean; without?: boolean }) =>
      data(
        api.POST("/api/v1/uploads/{id}/import", {
          params: { path: { id: props.upload.id }, header: idempotencyKey() },
          body: { yaml: props.yaml, source: source.trim(), again, without_merges: without },
        }),
      ),
    onSuccess: (i) => {
      void client.invalidateQueries({ queryKey: ["imports"] });
      if (i.status !== "finished") return props.onStarted(i);
      setAlready(i);
    },
  });
  const names = [...new Set(sources.filter((s) => s.kind === "import").map((s) => s.name))];
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("importFile.run.title")}</h2>
      </div>
      <div className="run-bar">
        <div className="import-field">
          <span className="muted">{t("importFile.run.source")}</span>
          <AutoComplete
            aria-label={t("importFile.run.source")}
            placeholder={t("importFile.run.sourceHint")}
            value={source}
            options={names.map((value) => ({ value }))}
            onChange={(v?: string) => setSource(v ?? "")}
          />
        </div>
        <DryRunPart {...props} source={source.trim()} />
        <Button
          type="primary"
          loading={start.isPending}
          disabled={!props.ready || source.trim() === ""}
          onClick={() => start.mutate({})}
        >
          {t("importFile.run.start")}
        </Button>
      </div>
      {already && already.source.name === source.trim() && (
        <div className="notice" role="status">
          <span>
            <b>{t("importFile.run.already", { source: already.source.name })}</b>
            <small>{t("importFile.run.alreadyHint")}</small>
          </span>
          <Button size="small" onClick={() => props.onStarted(already)}>
            {t("importFile.run.show")}
          </Button>
          <Button size="small" loading={start.isPending} onClick={() => start.mutate({ again: true })}>
            {t("importFile.run.again")}
          </Button>
        </div>
      )}
      <DryResult
        upload={props.upload}
        mapping={props.mapping}
        decide={(r) => (
          <Decision
            result={r}
            busy={start.isPending}
            disabled={!props.ready || source.trim() === ""}
            onImport={(without) => start.mutate({ without })}
          />
        )}
      />
    </section>
  );
}

/** What to do about rows that merge people: take them, leave them out, or not import the file. */
function Decision(props: {
  result: NonNullable<DryRun["result"]>;
  busy: boolean;
  disabled: boolean;
  onImport: (without: boolean) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const less = props.result.persons?.without_merges;
  if (!less || props.result.partial) return null;
  return (
    <div className="bar doors">
      <Button disabled={props.disabled} loading={props.busy} onClick={() => props.onImport(false)}>
        {t("importFile.run.all")}
      </Button>
      <Button disabled={props.disabled} loading={props.busy} onClick={() => props.onImport(true)}>
        {t("importFile.run.without", { count: less.rows, n: format.num(less.rows) })}
      </Button>
      <LinkButton to="/collect/imports">{t("importFile.run.drop")}</LinkButton>
      <small className="muted">
        {t("importFile.run.withoutHint", { created: format.num(less.persons_created) })}
      </small>
    </div>
  );
}

const dryMapping = (id: string) => ["uploads", id, "dry-mapping"];
const under = (d: DryRun | undefined) => d?.state === "waiting" || d?.state === "running";

function useDryRun(id: string) {
  const client = useQueryClient();
  const of = useQuery({
    queryKey: dryMapping(id),
    queryFn: () => client.getQueryData<string>(dryMapping(id)) ?? null,
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  const query = useQuery({
    ...dryRunQuery(id),
    enabled: typeof of === "string",
    refetchInterval: (q) => (under(q.state.data) ? 500 : false),
  });
  return { of, run: typeof of === "string" ? query.data : undefined };
}

function DryRunPart(props: {
  upload: Upload;
  mapping: Mapping;
  yaml: string;
  ready: boolean;
  source: string;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const id = props.upload.id;
  const { run } = useDryRun(id);
  const dry = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/uploads/{id}/dry-run", {
          params: { path: { id } },
          body: { yaml: props.yaml, source: props.source },
        }),
      ),
    onSuccess: async () => {
      client.setQueryData(dryMapping(id), stableJson(props.mapping));
      await client.invalidateQueries({ queryKey: dryRunQuery(id).queryKey });
    },
  });
  const stop = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/uploads/{id}/dry-run", { params: { path: { id } } })),
    onSuccess: () => client.setQueryData(dryMapping(id), null),
  });
  if (under(run))
    return (
      <Button loading={stop.isPending} onClick={() => stop.mutate()}>
        {t("importFile.run.stop")}
      </Button>
    );
  return (
    <Button
      title={t("importFile.run.dryHint")}
      disabled={!props.ready}
      loading={dry.isPending}
      onClick={() => dry.mutate()}
    >
      {t("importFile.run.dry")}
    </Button>
  );
}

function DryResult({
  upload,
  mapping,
  decide,
}: {
  upload: Upload;
  mapping: Mapping;
  decide: (result: NonNullable<DryRun["result"]>) => ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { of, run } = useDryRun(upload.id);
  if (!run) return null;
  if (under(run))
    return (
      <div className="card-pad dry-result" aria-live="polite">
        <Progress
          percent={
            run.phase === "persons"
              ? Math.floor((run.persons / Math.max(run.total_persons, 1)) * 100)
              : run.total_bytes > 0
                ? Math.floor((run.bytes / run.total_bytes) * 100)
                : 0
          }
          size="small"
          showInfo={false}
          aria-label={t("importFile.run.dry")}
        />
        <small className="muted">
          {run.phase === "persons"
            ? t("importFile.run.trying", { n: format.num(run.persons), all: format.num(run.total_persons) })
            : t("importFile.run.dryRunning", { rows: format.num(run.rows) })}
        </small>
      </div>
    );
  if (run.error) return <RunFailure error={run.error} />;
  const r = run.result;
  if (!r) return null;
  return (
    <div className="card-pad dry-result stack">
      <p className="muted">
        {t("importFile.run.dryDone")}
        {of !== stableJson(mapping) && ` · ${t("importFile.run.dryStale")}`}
        {r.partial && ` · ${t("importFile.run.partial")}`}
      </p>
      <dl className="facts">
        {(
          [
            ["rows", r.rows],
            ["good", r.rows - r.quarantined],
            ["quarantined", r.quarantined],
            ["duplicates", r.duplicates],
          ] as const
        ).map(([key, n]) => (
          <div key={key} data-bad={key === "quarantined" && n ? true : undefined}>
            <dt>{t(`importFile.run.${key}`)}</dt>
            <dd>{n === undefined ? "–" : format.num(n)}</dd>
          </div>
        ))}
      </dl>
      <Reasons reasons={r.reasons} />
      <Foreseen result={r} />
      {of === stableJson(mapping) && decide(r)}
    </div>
  );
}

/** Saves the mapping under a name, for the next file with these columns. */
export function SaveMapping(props: {
  yaml: string;
  columns: string[];
  suggested: string;
  savedId?: string | undefined;
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState(props.suggested);
  const save = useWrite({
    mutationFn: async () => {
      const body = { name: name.trim(), yaml: props.yaml, columns: props.columns };
      return props.savedId && name.trim() === props.suggested
        ? data(api.PATCH("/api/v1/mappings/{id}", { params: { path: { id: props.savedId } }, body }))
        : data(api.POST("/api/v1/mappings", { params: { header: idempotencyKey() }, body }));
    },
    onSuccess: async () => {
      message.success(t("importFile.saved.done"));
      setOpen(false);
      await client.invalidateQueries({ queryKey: ["mappings"] });
    },
  });
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      trigger="click"
      placement="bottomRight"
      content={
        <div className="stack add-field">
          <div className="import-field">
            <span className="muted">{t("importFile.saved.saveAs")}</span>
            <Input
              autoFocus
              maxLength={200}
              aria-label={t("importFile.saved.saveAs")}
              value={name}
              onChange={(e) => setName(e.target.value)}
              onPressEnter={() => save.mutate()}
            />
          </div>
          <Button
            type="primary"
            loading={save.isPending}
            disabled={name.trim() === ""}
            onClick={() => save.mutate()}
          >
            {t("action.save")}
          </Button>
        </div>
      }
    >
      <Button size="small">{t("importFile.saved.save")}</Button>
    </Popover>
  );
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { App, Button, Input, Segmented } from "antd";
import { Braces, ListTree, ScanSearch, TextCursorInput, TriangleAlert, UsersRound } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data, idempotencyKey } from "@/api/client";
import { segmentQuery } from "@/api/queries";
import type { Rule, Segment, SegmentPreview } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { PersonList } from "@/components/PersonList";
import { PurposeSelect } from "@/components/PurposeSelect";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson, parseJson, stableJson } from "@/lib/json";
import {
  asGroup,
  groupOf,
  type PlacedWarning,
  placeOfError,
  placeWarnings,
  prune,
  readRule,
  ruleAt,
} from "@/lib/rule";
import { compact } from "@/lib/search";
import { useDraft, useRested } from "@/lib/useDraft";
import { usePreview } from "@/lib/usePreview";
import { usePurposes } from "@/lib/usePurposes";
import { useSetSearch } from "@/lib/useSetSearch";
import { useUndo } from "@/lib/useUndo";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import type { DraftSearch } from "./draftSearch";
import { audienceCountQuery } from "./explorer/queries";
import { Waterfall } from "./explorer/Waterfall";
import { RuleEditor } from "./RuleEditor";
import { UndoButtons } from "./RuleMoves";
import { TextRule } from "./TextRule";
import "./explorer/explorer.css";
import "./segments.css";

export function NewSegmentPage() {
  const search = getRouteApi("/shell/segments/new").useSearch();
  return <Builder search={search} />;
}

export function EditSegmentPage() {
  const { t } = useTranslation();
  const route = getRouteApi("/shell/segments/$id/edit");
  const { id } = route.useParams();
  const search = route.useSearch();
  const query = useQuery(segmentQuery(id));
  if (query.error && !query.data)
    return (
      <div className="page">
        <PageHeader title={t("segments.edit")} />
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      </div>
    );
  if (!query.data) return <div className="page" aria-busy="true" />;
  return <Builder key={id} search={search} segment={query.data} />;
}

interface Draft {
  name: string;
  description: string;
  purpose: string;
  rule: Rule;
}

function Builder({ search, segment }: { search: DraftSearch; segment?: Segment }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [key] = useState(idempotencyKey);
  const [draft, setDraft] = useDraft<Draft>(
    {
      name: search.name ?? segment?.name ?? "",
      description: search.description ?? segment?.description ?? "",
      purpose: search.purpose ?? segment?.purpose ?? "",
      rule: asGroup(search.rule ?? segment?.rule),
    },
    (d) =>
      setSearch({
        name: d.name || undefined,
        description: d.description || undefined,
        purpose: d.purpose || undefined,
        rule: d.rule,
      }),
  );
  const isStatic = segment?.kind === "static";
  const { policy } = usePurposes();
  const stored = {
    name: segment?.name ?? "",
    description: segment?.description ?? "",
    purpose: segment?.purpose ?? "",
    rule: asGroup(segment?.rule),
  };
  const undo = useUndo(draft.rule, (rule) => setDraft({ ...draft, rule }));
  const leave = useUnsaved(stableJson(draft) !== stableJson(stored));
  const pruned = useMemo(() => prune(draft.rule), [draft.rule]);
  // While the only condition is being changed there is nothing to count: the last answer stays, and says that it is the last.
  const [counted, setCounted] = useState<Rule | null>(pruned.rule);
  const emptied = groupOf(draft.rule)?.of.length === 0;
  if (pruned.rule ? stableJson(pruned.rule) !== stableJson(counted) : emptied && counted !== null)
    setCounted(pruned.rule);
  const preview = usePreview(isStatic ? null : counted);
  const previewError =
    preview.error instanceof ApiError && preview.error.status === 400
      ? placeOfError(preview.error.message, pruned.places)
      : null;
  const save = useWrite({
    mutationFn: () => {
      const name = draft.name.trim();
      const description = draft.description.trim();
      const { purpose } = draft;
      const rule = pruned.rule ?? undefined;
      return segment
        ? data(
            api.PATCH("/api/v1/segments/{id}", {
              params: { path: { id: segment.id } },
              body: isStatic ? { name, description, purpose } : compact({ name, description, purpose, rule }),
            }),
          )
        : data(
            api.POST("/api/v1/segments", {
              params: { header: key },
              body: compact({ name, description, purpose, rule }),
            }),
          );
    },
    onSuccess: (s) => {
      client.setQueryData(segmentQuery(s.id).queryKey, s);
      void client.invalidateQueries({ queryKey: ["segments"] });
      leave();
      message.success(t(segment ? "state.saved" : "segments.created_", { name: s.name }));
      void navigate({ to: "/segments/$id", params: { id: s.id } });
    },
  });
  const nameMissing = draft.name.trim() === "";
  const ready =
    !nameMissing && previewError === null && (isStatic || (pruned.rule !== null && pruned.incomplete === 0));
  const why = nameMissing
    ? t("segments.builder.needName")
    : pruned.rule === null
      ? t("segments.builder.needCondition")
      : t(previewError ? "segments.preview.mistake" : "segments.builder.needFinish");

  const counts = useMemo(() => {
    const out = new Map<string, number>();
    for (const leaf of (pruned.rule && preview.data?.leaves) || []) {
      const at = pruned.places.get(leaf.path);
      if (at !== undefined) out.set(at, leaf.members);
    }
    return out;
  }, [preview.data, pruned]);

  // Of the rule that stands in the builder only: places in an older one would be those of other conditions.
  const warnings = useMemo(
    () =>
      pruned.rule && preview.data && !preview.isPlaceholderData
        ? placeWarnings(preview.data.warnings, pruned.places)
        : [],
    [preview.data, preview.isPlaceholderData, pruned],
  );

  return (
    <div className="page">
      <PageHeader
        title={segment ? t("segments.editTitle", { name: segment.name }) : t("segments.newTitle")}
        about={isStatic ? t("segments.staticAbout") : t("segments.builder.about")}
        actions={
          <>
            {segment ? (
              <LinkButton to="/segments/$id" params={{ id: segment.id }}>
                {t("action.cancel")}
              </LinkButton>
            ) : (
              <LinkButton to="/segments">{t("action.cancel")}</LinkButton>
            )}
            <Button
              type="primary"
              disabled={!ready}
              title={ready ? undefined : why}
              loading={save.isPending}
              onClick={() => save.mutate()}
            >
              {segment ? t("action.save") : t("segments.create")}
            </Button>
          </>
        }
      />
      <Warnings warnings={warnings} rule={draft.rule} />
      <div className={isStatic ? "stack" : "builder"}>
        <div className="stack">
          <section className="card card-pad builder-names">
            <label htmlFor="segment-name">
              <span>{t("segments.name")}</span>
              <Input
                id="segment-name"
                autoFocus={!segment}
                value={draft.name}
                maxLength={200}
                placeholder={t("segments.builder.namePlaceholder")}
                onChange={(e) => setDraft({ ...draft, name: e.target.value })}
              />
            </label>
            <label htmlFor="segment-description">
              <span>{t("segments.description")}</span>
              <Input
                id="segment-description"
                value={draft.description}
                maxLength={2000}
                placeholder={t("segments.builder.descriptionPlaceholder")}
                onChange={(e) => setDraft({ ...draft, description: e.target.value })}
              />
            </label>
            {policy && (
              <label htmlFor="segment-purpose" className="builder-purpose">
                <span>{t("segments.purpose")}</span>
                <PurposeSelect
                  id="segment-purpose"
                  use="act"
                  value={draft.purpose}
                  onChange={(purpose) => setDraft({ ...draft, purpose })}
                />
              </label>
            )}
          </section>
          {!isStatic && (
            <section className="card">
              <div className="card-head">
                <h2>{t("segments.builder.who")}</h2>
                <UndoButtons undo={undo} />
                <Segmented
                  size="small"
                  aria-label={t("segments.builder.view")}
                  value={search.view ?? "visual"}
                  onChange={(v) => setSearch({ view: v === "visual" ? undefined : v })}
                  options={[
                    { value: "visual", icon: <ListTree size={13} />, label: t("segments.builder.visual") },
                    { value: "text", icon: <TextCursorInput size={13} />, label: t("explorer.text.view") },
                    { value: "json", icon: <Braces size={13} />, label: "JSON" },
                  ]}
                />
              </div>
              <div className="builder-rule">
                {search.view === "text" ? (
                  <TextRule rule={pruned.rule} onChange={undo.change} />
                ) : search.view === "json" ? (
                  <JsonRule rule={draft.rule} onChange={undo.change} error={previewError} />
                ) : (
                  <RuleEditor
                    rule={draft.rule}
                    undo={undo}
                    remarks={{
                      counts,
                      error: previewError,
                      warnings,
                      ...(segment ? { self: segment.id } : {}),
                    }}
                  />
                )}
              </div>
            </section>
          )}
        </div>
        {!isStatic && (
          <Preview
            draft={draft.rule}
            name={draft.name}
            rule={counted}
            before={pruned.rule === null}
            incomplete={pruned.incomplete}
            preview={preview}
            placed={previewError !== null}
          />
        )}
      </div>
    </div>
  );
}

/** What of the rule can hardly be meant, in words: it can be saved all the same. */
function Warnings({ warnings, rule }: { warnings: readonly PlacedWarning[]; rule: Rule }) {
  const { t } = useTranslation();
  const words = useRuleWords();
  if (warnings.length === 0) return null;
  return (
    <section className="builder-warnings" role="status" data-testid="rule-warnings">
      <TriangleAlert aria-hidden="true" />
      <ul>
        {warnings.map((w) => (
          <li key={`${w.code} ${w.at.join(" ")}`}>
            <b>{t(`segments.warning.${w.code}`)}</b>
            <ul>
              {w.at.map((at) => {
                // The words of what is negated, too: its place is inside of the "not".
                const part = ruleAt(rule, at.replace(/(^|\.)not$/, ""));
                return part && <li key={at}>{words.rule(part)}</li>;
              })}
            </ul>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Preview(props: {
  draft: Rule;
  name: string;
  /** What was counted; null when there was nothing yet. */
  rule: Rule | null;
  /** It is no longer what stands in the builder, where no condition is complete. */
  before: boolean;
  incomplete: number;
  preview: ReturnType<typeof usePreview>;
  /** The error is shown at its condition. */
  placed: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useRuleWords();
  const { rule, preview } = props;
  const answer: SegmentPreview | undefined = rule ? preview.data : undefined;
  const share = answer && answer.of > 0 ? answer.members / answer.of : null;
  return (
    <aside className="card preview" aria-label={t("segments.preview.title")} aria-busy={preview.isFetching}>
      <div className="card-head">
        <h2>{t("segments.preview.title")}</h2>
        {answer && (
          <small className="preview-meta">
            {preview.isFetching
              ? t("segments.preview.counting")
              : t("segments.preview.elapsed", { time: format.duration(answer.elapsed_ms / 1000) })}
          </small>
        )}
      </div>
      {!rule ? (
        <EmptyState
          icon={<UsersRound />}
          title={t("segments.preview.empty")}
          hint={t(
            groupOf(props.draft)?.of.length ? "segments.preview.finishHint" : "segments.preview.emptyHint",
          )}
        />
      ) : preview.error && !preview.isFetching ? (
        props.placed ? (
          <p className="preview-note muted">{t("segments.preview.mistake")}</p>
        ) : (
          <ErrorState
            error={preview.error}
            onRetry={() => void preview.refetch()}
            title={t("segments.preview.failed")}
          />
        )
      ) : (
        <div className="preview-body" data-stale={preview.isPlaceholderData || props.before || undefined}>
          <p className="preview-count" aria-live="polite">
            <b data-testid="preview-members">
              {answer ? (
                format.num(answer.members)
              ) : (
                <span className="bone" style={{ width: 96, height: 24 }} />
              )}
            </b>
            <span className="muted">
              {answer &&
                t("segments.preview.of", {
                  count: answer.of,
                  n: format.num(answer.of),
                  share: format.percent(share),
                })}
            </span>
          </p>
          <div className="preview-share" aria-hidden="true">
            <i style={{ width: `${(share ?? 0) * 100}%` }} />
          </div>
          {props.before && <p className="preview-note">{t("segments.preview.before")}</p>}
          {props.incomplete > 0 && !props.before && (
            <p className="preview-note muted">
              {t("segments.preview.incomplete", { count: props.incomplete, n: format.num(props.incomplete) })}
            </p>
          )}
          <p className="preview-words">{words.rule(rule)}</p>
          {rule && <Losses rule={rule} name={props.name} />}
          <h3>{t("segments.preview.sample")}</h3>
          {answer?.sample.length === 0 ? (
            <p className="muted">{t("segments.preview.nobody")}</p>
          ) : (
            <div className="preview-people">
              <PersonList rows={answer?.sample} />
            </div>
          )}
        </div>
      )}
    </aside>
  );
}

/** Which condition loses whom, as far as it is known of what stands in the builder; everything else is a page away. */
function Losses({ rule, name }: { rule: Rule; name: string }) {
  const { t } = useTranslation();
  const rested = useRested(rule, 600);
  const count = useQuery({
    ...audienceCountQuery({ rule: rested }, undefined),
    placeholderData: (before) => before,
  });
  const steps = count.data?.waterfall.steps ?? [];
  // Places in a rule that has changed since would be those of other conditions.
  const fits = !count.isPlaceholderData && stableJson(rested) === stableJson(rule);
  return (
    <>
      <div className="preview-losses" data-stale={!fits || undefined}>
        {count.data && fits && steps.length > 1 && <Waterfall rule={rule} count={count.data} />}
      </div>
      <LinkButton
        to="/segments/explore"
        search={compact({ rule, name: name.trim() || undefined })}
        icon={<ScanSearch size={14} />}
      >
        {t("explorer.open")}
      </LinkButton>
    </>
  );
}

function JsonRule(props: {
  rule: Rule;
  onChange: (rule: Rule) => void;
  error: { at: string; text: string } | null;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(() => formatJson(props.rule, 2));
  const [wrong, setWrong] = useState<string | null>(null);
  const shown = formatJson(props.rule);
  // The rule changed elsewhere (back, a link): the text follows, unless it says the same.
  useEffect(() => {
    setText((now) => {
      try {
        if (formatJson(asGroup(parseJson(now) as Rule)) === shown) return now;
      } catch {
        return now;
      }
      return formatJson(parseJson(shown), 2);
    });
  }, [shown]);
  const change = (next: string) => {
    setText(next);
    try {
      const read = readRule(parseJson(next));
      if ("rule" in read) {
        setWrong(null);
        props.onChange(asGroup(read.rule));
      } else setWrong(t("segments.builder.jsonShape", { at: read.wrong || t("segments.builder.jsonRoot") }));
    } catch (e) {
      setWrong(e instanceof Error ? e.message : String(e));
    }
  };
  const problem =
    wrong ?? (props.error ? `${props.error.at ? `${props.error.at}: ` : ""}${props.error.text}` : null);
  return (
    <div className="rule-json">
      <Input.TextArea
        aria-label={t("segments.builder.json")}
        aria-invalid={problem !== null}
        status={problem ? "error" : ""}
        spellCheck={false}
        autoSize={{ minRows: 12, maxRows: 32 }}
        value={text}
        onChange={(e) => change(e.target.value)}
      />
      {problem && (
        <p className="rule-error" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

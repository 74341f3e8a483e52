import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Input, InputNumber, Select } from "antd";
import { Plus, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { SegmentPicker } from "@/components/conditions/SegmentPicker";
import { ErrorState } from "@/components/states";
import { stableJson } from "@/lib/json";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { complete, definitionOf, draftOf, newDraft, type TagDraft } from "./draft";
import { type Tag, type TagKind, taxonomiesQuery, versionsQuery } from "./queries";
import "./tags.css";
import { RuleWords } from "./RuleWords";

const kinds: TagKind[] = ["rule", "sql", "interest", "import", "manual", "model"];

/** Writes a new tag, as a draft that somebody else approves. */
export function NewTag({ onDone }: { onDone: (id: string) => void }) {
  const begun = useState(newDraft)[0];
  return <TagForm begun={begun} onDone={onDone} />;
}

/** Changes a tag: what it is called at once, what it goes by as a draft. It begins with the draft that waits. */
export function EditTag({ tag, onDone }: { tag: Tag; onDone: (id: string) => void }) {
  const versions = useQuery({ ...versionsQuery(tag.id), enabled: tag.draft > 0 });
  if (versions.error) return <ErrorState error={versions.error} onRetry={() => void versions.refetch()} />;
  if (tag.draft > 0 && !versions.data) return <span className="bone" style={{ width: "60%" }} />;
  const waiting = versions.data?.items.find((v) => v.version === tag.draft);
  return <TagForm tag={tag} begun={draftOf(tag, waiting?.definition ?? tag.definition)} onDone={onDone} />;
}

function TagForm(props: { tag?: Tag; begun: TagDraft; onDone: (id: string) => void }) {
  const { tag, onDone } = props;
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [begun] = useState(props.begun); // the tag is read again meanwhile
  const [draft, setDraft] = useState(begun);
  const set = (change: Partial<TagDraft>) => setDraft({ ...draft, ...change });
  const leave = useUnsaved(stableJson(draft) !== stableJson(begun));
  const save = useWrite({
    mutationFn: () => {
      const texts = {
        name: draft.name,
        folder: draft.folder,
        owner: draft.owner,
        description: draft.description,
        note: draft.note,
      };
      const definition = definitionOf(draft);
      if (!tag)
        return data(
          api.POST("/api/v1/tags", {
            params: { header: idempotencyKey() },
            body: { ...texts, key: draft.key, kind: draft.kind, definition },
          }),
        );
      const changed = stableJson(definition) !== stableJson(definitionOf(begun));
      return data(
        api.PATCH("/api/v1/tags/{id}", {
          params: { path: { id: tag.id }, header: idempotencyKey() },
          body: changed ? { ...texts, definition } : texts,
        }),
      );
    },
    onSuccess: async (saved) => {
      message.success(t(saved.draft > 0 ? "tags.written" : "tags.changed"));
      leave();
      await client.invalidateQueries({ queryKey: ["tags"] });
      onDone(saved.id);
    },
  });
  return (
    <div className="stack">
      <Field label={t("tags.name")} id="tag-name">
        <Input
          id="tag-name"
          value={draft.name}
          maxLength={200}
          onChange={(e) => set({ name: e.target.value })}
        />
      </Field>
      <Field label={t("tags.key")} id="tag-key" hint={t("tags.keyHint")}>
        <Input
          id="tag-key"
          addonBefore="tag."
          className="mono"
          value={draft.key}
          maxLength={60}
          disabled={tag !== undefined}
          onChange={(e) => set({ key: e.target.value })}
        />
      </Field>
      <Field label={t("tags.kind")} id="tag-kind" hint={t(`tags.kindHints.${draft.kind}`)}>
        <Select
          id="tag-kind"
          value={draft.kind}
          disabled={tag !== undefined}
          options={kinds.map((value) => ({ value, label: t(`tags.kinds.${value}`) }))}
          onChange={(kind) => set({ kind })}
        />
      </Field>
      <Definition draft={draft} set={set} />
      <Field label={t("tags.maxAge")} id="tag-age" hint={t("tags.maxAgeHint")}>
        <InputNumber id="tag-age" min={0} value={draft.maxAge} onChange={(n) => set({ maxAge: n ?? 0 })} />
      </Field>
      <Field label={t("tags.owner")} id="tag-owner">
        <Input id="tag-owner" value={draft.owner} onChange={(e) => set({ owner: e.target.value })} />
      </Field>
      <Field label={t("tags.folder")} id="tag-folder">
        <Input id="tag-folder" value={draft.folder} onChange={(e) => set({ folder: e.target.value })} />
      </Field>
      <Field label={t("tags.description")} id="tag-about">
        <Input.TextArea
          id="tag-about"
          rows={2}
          value={draft.description}
          onChange={(e) => set({ description: e.target.value })}
        />
      </Field>
      {tag && (
        <Field label={t("tags.note")} id="tag-note">
          <Input
            id="tag-note"
            maxLength={200}
            value={draft.note}
            onChange={(e) => set({ note: e.target.value })}
          />
        </Field>
      )}
      <Button
        type="primary"
        disabled={!complete(draft)}
        loading={save.isPending}
        onClick={() => save.mutate()}
      >
        {t("tags.save")}
      </Button>
      <p className="muted">{t("tags.saveHint")}</p>
    </div>
  );
}

function Field(props: { label: string; id: string; hint?: string; children: ReactNode }) {
  return (
    <div className="tag-field">
      <label htmlFor={props.id}>{props.label}</label>
      {props.children}
      {props.hint && <small className="muted">{props.hint}</small>}
    </div>
  );
}

interface Part {
  draft: TagDraft;
  set: (change: Partial<TagDraft>) => void;
}

function Definition({ draft, set }: Part) {
  const { t } = useTranslation();
  switch (draft.kind) {
    case "rule":
      return <Rules draft={draft} set={set} />;
    case "sql":
      return (
        <>
          <Field label={t("tags.sql")} id="tag-sql" hint={t("tags.sqlHint")}>
            <Input.TextArea
              id="tag-sql"
              className="mono"
              rows={6}
              value={draft.sql}
              onChange={(e) => set({ sql: e.target.value })}
            />
          </Field>
          <Field label={t("tags.everyMinutes")} id="tag-every">
            <InputNumber
              id="tag-every"
              min={0}
              value={draft.every}
              onChange={(n) => set({ every: n ?? 0 })}
            />
          </Field>
          <Field label={t("tags.sqlEvents")} id="tag-sql-events" hint={t("tags.sqlEventsHint")}>
            <Select
              id="tag-sql-events"
              mode="tags"
              style={{ width: "100%" }}
              value={draft.sqlEvents}
              onChange={(sqlEvents) => set({ sqlEvents })}
            />
          </Field>
        </>
      );
    case "interest":
      return <Interest draft={draft} set={set} />;
    default:
      return (
        <Field label={t("tags.expiresHours")} id="tag-expires" hint={t("tags.expiresHint")}>
          <InputNumber
            id="tag-expires"
            min={0}
            value={draft.expires}
            onChange={(n) => set({ expires: n ?? 0 })}
          />
        </Field>
      );
  }
}

/** The first that holds gives the value, so their order counts. */
function Rules({ draft, set }: Part) {
  const { t } = useTranslation();
  const change = (id: number, to: Partial<TagDraft["rules"][number]>) =>
    set({ rules: draft.rules.map((r) => (r.id === id ? { ...r, ...to } : r)) });
  return (
    <div className="stack">
      <span>{t("tags.rules")}</span>
      {draft.rules.map((r) => (
        <div className="row" key={r.id}>
          <Input
            aria-label={t("tags.value")}
            placeholder={t("tags.value")}
            style={{ width: 140 }}
            value={r.value}
            onChange={(e) => change(r.id, { value: e.target.value })}
          />
          {r.rule ? (
            <RuleWords rule={r.rule} />
          ) : (
            <SegmentPicker
              label={t("tags.whoIsIn")}
              value={r.segment}
              onChange={(segment) => change(r.id, { segment })}
            />
          )}
          {draft.rules.length > 1 && (
            <Button
              type="text"
              aria-label={t("tags.takeAway")}
              icon={<X size={14} />}
              onClick={() => set({ rules: draft.rules.filter((x) => x.id !== r.id) })}
            />
          )}
        </div>
      ))}
      <Button
        size="small"
        icon={<Plus size={14} />}
        onClick={() =>
          set({
            rules: [
              ...draft.rules,
              { id: Math.max(...draft.rules.map((r) => r.id)) + 1, value: "", segment: undefined },
            ],
          })
        }
      >
        {t("tags.addRule")}
      </Button>
    </div>
  );
}

function Interest({ draft, set }: Part) {
  const { t } = useTranslation();
  const taxonomies = useQuery(taxonomiesQuery).data?.items ?? [];
  const change = (id: number, to: Partial<TagDraft["events"][number]>) =>
    set({ events: draft.events.map((e) => (e.id === id ? { ...e, ...to } : e)) });
  const number = (key: "level" | "top" | "least" | "halfLifeDays", min: number) => (
    <Field label={t(`tags.${key}`)} id={`tag-${key}`}>
      <InputNumber
        id={`tag-${key}`}
        min={min}
        value={draft[key]}
        onChange={(n) => set({ [key]: n ?? min })}
      />
    </Field>
  );
  return (
    <>
      <Field label={t("tags.taxonomy")} id="tag-taxonomy" hint={t("tags.taxonomyHint")}>
        <Select
          id="tag-taxonomy"
          value={draft.taxonomy ?? null}
          options={taxonomies.map((x) => ({ value: x.id, label: x.name }))}
          onChange={(taxonomy) => set({ taxonomy: taxonomy ?? undefined })}
        />
      </Field>
      {number("level", 0)}
      {number("top", 1)}
      {number("least", 0.1)}
      {number("halfLifeDays", 0.1)}
      <div className="stack">
        <span>{t("tags.events")}</span>
        {draft.events.map((e) => (
          <div className="row" key={e.id}>
            <Input
              aria-label={t("tags.event")}
              placeholder={t("tags.event")}
              value={e.event}
              onChange={(x) => change(e.id, { event: x.target.value })}
            />
            <Input
              aria-label={t("tags.property")}
              placeholder={t("tags.property")}
              value={e.property}
              onChange={(x) => change(e.id, { property: x.target.value })}
            />
            <InputNumber
              aria-label={t("tags.weight")}
              min={0.1}
              value={e.weight}
              onChange={(n) => change(e.id, { weight: n ?? 1 })}
            />
          </div>
        ))}
        <Button
          size="small"
          icon={<Plus size={14} />}
          onClick={() =>
            set({
              events: [
                ...draft.events,
                { id: Math.max(...draft.events.map((e) => e.id)) + 1, event: "", property: "", weight: 1 },
              ],
            })
          }
        >
          {t("tags.addEvent")}
        </Button>
      </div>
    </>
  );
}

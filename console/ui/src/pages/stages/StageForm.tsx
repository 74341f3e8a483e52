import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { App, Button, Checkbox, Input, Select } from "antd";
import { ArrowDown, ArrowUp, ChevronDown, ChevronRight, Plus, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import type { Rule } from "@/api/types";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState } from "@/components/states";
import { stableJson } from "@/lib/json";
import { prune } from "@/lib/rule";
import { useUndo } from "@/lib/useUndo";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { RuleEditor } from "@/pages/segments/RuleEditor";
import {
  type CycleDraft,
  complete,
  definitionOf,
  draftOf,
  keyOf,
  newLost,
  newStage,
  type StageDraft,
} from "./draft";
import { type Cycle, cycleQuery } from "./queries";
import "../segments/segments.css";
import "./stages.css";

export function NewStagePage() {
  return <Form />;
}

export function EditStagePage() {
  const { t } = useTranslation();
  const { id } = getRouteApi("/shell/stages/$id/edit").useParams();
  const query = useQuery({ ...cycleQuery(id), refetchInterval: false });
  if (query.error && !query.data)
    return (
      <div className="page">
        <PageHeader title={t("stages.edit")} />
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      </div>
    );
  if (!query.data) return <div className="page" aria-busy="true" />;
  return <Form key={id} cycle={query.data} />;
}

/** Writes a life cycle, or a version of one. */
function Form({ cycle }: { cycle?: Cycle }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [key] = useState(idempotencyKey);
  const [stored] = useState(() => draftOf(cycle));
  const [draft, setDraft] = useState(stored);
  const [open, setOpen] = useState<number | null>(cycle ? null : 0);
  const set = (change: Partial<CycleDraft>) => setDraft((d) => ({ ...d, ...change }));
  const leave = useUnsaved(stableJson(draft) !== stableJson(stored));
  const save = useWrite({
    mutationFn: () => {
      const definition = definitionOf(draft);
      if (!definition) throw new Error("the draft is not complete");
      const texts = {
        name: draft.name,
        description: draft.description,
        owner: draft.owner,
        note: draft.note,
      };
      return cycle
        ? data(
            api.PATCH("/api/v1/stages/{id}", {
              params: { path: { id: cycle.id }, header: key },
              body: { ...texts, definition },
            }),
          )
        : data(
            api.POST("/api/v1/stages", {
              params: { header: key },
              body: { ...texts, key: draft.key, definition },
            }),
          );
    },
    onSuccess: async (x) => {
      leave();
      message.success(t("stages.saved"));
      await client.invalidateQueries({ queryKey: ["stages"] });
      void navigate({ to: "/stages/$id", params: { id: x.id } });
    },
  });
  const stage = (i: number, change: Partial<StageDraft>) =>
    set({ stages: draft.stages.map((s, n) => (n === i ? { ...s, ...change } : s)) });
  const move = (i: number, by: number) => {
    const stages = draft.stages.slice();
    const [one] = stages.splice(i, 1);
    if (one) stages.splice(i + by, 0, one);
    set({ stages });
  };
  const ready = complete(draft);
  return (
    <div className="page">
      <PageHeader
        title={cycle ? t("stages.editTitle", { name: cycle.name }) : t("stages.create")}
        about={t("stages.formAbout")}
        actions={
          <>
            {cycle ? (
              <LinkButton to="/stages/$id" params={{ id: cycle.id }}>
                {t("action.cancel")}
              </LinkButton>
            ) : (
              <LinkButton to="/stages">{t("action.cancel")}</LinkButton>
            )}
            <Button
              type="primary"
              disabled={!ready}
              title={ready ? undefined : t("stages.incomplete")}
              loading={save.isPending}
              onClick={() => save.mutate()}
            >
              {t("action.save")}
            </Button>
          </>
        }
      />
      <div className="stack">
        <section className="card card-pad builder-names">
          <Label id="cycle-name" text={t("stages.name")}>
            <Input
              id="cycle-name"
              value={draft.name}
              maxLength={200}
              autoFocus={!cycle}
              onChange={(e) => {
                const follows = !cycle && (draft.key === "" || draft.key === keyOf(draft.name));
                set({ name: e.target.value, ...(follows ? { key: keyOf(e.target.value) } : {}) });
              }}
            />
          </Label>
          <Label id="cycle-key" text={t("stages.key")}>
            <Input
              id="cycle-key"
              addonBefore="stage."
              className="mono"
              value={draft.key}
              maxLength={40}
              disabled={cycle !== undefined}
              onChange={(e) => set({ key: e.target.value })}
            />
          </Label>
          <Label id="cycle-description" text={t("stages.description")}>
            <Input
              id="cycle-description"
              value={draft.description}
              maxLength={2000}
              onChange={(e) => set({ description: e.target.value })}
            />
          </Label>
          <Label id="cycle-owner" text={t("stages.owner")}>
            <Input
              id="cycle-owner"
              value={draft.owner}
              maxLength={200}
              onChange={(e) => set({ owner: e.target.value })}
            />
          </Label>
          {cycle && (
            <Label id="cycle-note" text={t("stages.note")}>
              <Input
                id="cycle-note"
                value={draft.note}
                maxLength={2000}
                onChange={(e) => set({ note: e.target.value })}
              />
            </Label>
          )}
        </section>
        <section className="card">
          <div className="card-head">
            <h2>{t("stages.stages")}</h2>
            <small>{t("stages.order")}</small>
          </div>
          {draft.stages.map((s, i) => (
            <Edit
              key={s.id}
              label={t("stages.nth", { n: i + 1 })}
              id={`stage-${s.id}`}
              of={s}
              open={open === s.id}
              onOpen={() => setOpen(open === s.id ? null : s.id)}
              onChange={(change) => stage(i, change)}
              tools={
                <>
                  <Button
                    type="text"
                    size="small"
                    aria-label={t("stages.up")}
                    icon={<ArrowUp size={14} />}
                    disabled={i === 0}
                    onClick={() => move(i, -1)}
                  />
                  <Button
                    type="text"
                    size="small"
                    aria-label={t("stages.down")}
                    icon={<ArrowDown size={14} />}
                    disabled={i === draft.stages.length - 1}
                    onClick={() => move(i, 1)}
                  />
                  <Button
                    type="text"
                    size="small"
                    aria-label={t("stages.removeStage")}
                    icon={<X size={14} />}
                    disabled={draft.stages.length === 1}
                    onClick={() => set({ stages: draft.stages.filter((_, n) => n !== i) })}
                  />
                </>
              }
            >
              <Checkbox checked={s.falls} onChange={(e) => stage(i, { falls: e.target.checked })}>
                {t("stages.fallsLong")}
              </Checkbox>
            </Edit>
          ))}
          <div className="stage-edit">
            <Button
              icon={<Plus size={14} />}
              disabled={draft.stages.length >= 20}
              onClick={() => {
                const id = Math.max(...draft.stages.map((s) => s.id)) + 1;
                set({ stages: [...draft.stages, newStage(id)] });
                setOpen(id);
              }}
            >
              {t("stages.addStage")}
            </Button>
          </div>
        </section>
        <section className="card">
          <div className="card-head">
            <h2>{t("stages.lost")}</h2>
            <small>{t("stages.lostAbout")}</small>
          </div>
          {draft.lost ? (
            <Edit
              label={t("stages.lost")}
              id="stage-lost"
              of={draft.lost}
              open={open === -1}
              onOpen={() => setOpen(open === -1 ? null : -1)}
              onChange={(change) => draft.lost && set({ lost: { ...draft.lost, ...change } })}
              tools={
                <Button
                  type="text"
                  size="small"
                  aria-label={t("stages.removeStage")}
                  icon={<X size={14} />}
                  onClick={() => set({ lost: null })}
                />
              }
            >
              <div className="row">
                <label htmlFor="lost-from">{t("stages.lostFromLabel")}</label>
                <Select
                  id="lost-from"
                  style={{ minWidth: 180 }}
                  value={draft.lost.from || (draft.stages[0]?.key ?? "")}
                  onChange={(from) => draft.lost && set({ lost: { ...draft.lost, from } })}
                  options={draft.stages.map((s) => ({ value: s.key, label: s.name || s.key }))}
                />
                <Checkbox
                  checked={draft.lost.restart}
                  onChange={(e) => draft.lost && set({ lost: { ...draft.lost, restart: e.target.checked } })}
                >
                  {t("stages.restartLong")}
                </Checkbox>
              </div>
            </Edit>
          ) : (
            <div className="stage-edit">
              <Button
                icon={<Plus size={14} />}
                onClick={() => {
                  set({ lost: newLost() });
                  setOpen(-1);
                }}
              >
                {t("stages.addLost")}
              </Button>
            </div>
          )}
        </section>
      </div>
    </div>
  );
}

function Label({ id, text, children }: { id: string; text: string; children: ReactNode }) {
  return (
    <label htmlFor={id}>
      <span>{text}</span>
      {children}
    </label>
  );
}

interface Ruled {
  key: string;
  name: string;
  rule: Rule;
}

/** One stage: its name and key, and its rule as a sentence or, open, as a form. */
function Edit(props: {
  label: string;
  id: string;
  of: Ruled;
  open: boolean;
  onOpen: () => void;
  onChange: (change: Partial<Ruled>) => void;
  tools: ReactNode;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const { of, onChange } = props;
  const undo = useUndo(of.rule, (rule) => onChange({ rule }));
  const pruned = prune(of.rule).rule;
  return (
    <fieldset className="stage-edit stack" aria-label={props.label}>
      <div className="row">
        <span className="muted">{props.label}</span>
        <Input
          id={`${props.id}-name`}
          aria-label={t("stages.name")}
          placeholder={t("stages.name")}
          value={of.name}
          maxLength={200}
          onChange={(e) => {
            const follows = of.key === "" || of.key === keyOf(of.name);
            onChange({ name: e.target.value, ...(follows ? { key: keyOf(e.target.value) } : {}) });
          }}
        />
        <Input
          id={`${props.id}-key`}
          aria-label={t("stages.key")}
          placeholder={t("stages.key")}
          className="mono"
          value={of.key}
          maxLength={40}
          onChange={(e) => onChange({ key: e.target.value })}
        />
        <span className="row push-right">{props.tools}</span>
      </div>
      <button type="button" className="door" aria-expanded={props.open} onClick={props.onOpen}>
        {props.open ? <ChevronDown size={14} /> : <ChevronRight size={14} />}{" "}
        {pruned ? words.rule(pruned) : t("stages.noRule")}
      </button>
      {props.open && (
        <div className="builder-rule">
          <RuleEditor rule={of.rule} undo={undo} remarks={{ counts: new Map(), error: null, warnings: [] }} />
        </div>
      )}
      {props.children}
    </fieldset>
  );
}

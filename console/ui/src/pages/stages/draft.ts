import type { Rule } from "@/api/types";
import { asGroup, prune } from "@/lib/rule";
import type { Cycle, CycleDefinition } from "./queries";

export interface StageDraft {
  /** Tells stages of the form apart; keys may change while one types. */
  id: number;
  key: string;
  name: string;
  rule: Rule;
  falls: boolean;
}

export interface LostDraft {
  key: string;
  name: string;
  rule: Rule;
  from: string;
  restart: boolean;
}

export interface CycleDraft {
  key: string;
  name: string;
  description: string;
  owner: string;
  note: string;
  stages: StageDraft[];
  lost: LostDraft | null;
}

export const newStage = (id: number): StageDraft => ({
  id,
  key: "",
  name: "",
  rule: asGroup(null),
  falls: false,
});
export const newLost = (): LostDraft => ({
  key: "lost",
  name: "",
  rule: asGroup(null),
  from: "",
  restart: false,
});

export function draftOf(cycle?: Cycle): CycleDraft {
  const d = cycle?.definition;
  return {
    key: cycle?.key ?? "",
    name: cycle?.name ?? "",
    description: cycle?.description ?? "",
    owner: cycle?.owner ?? "",
    note: "",
    stages: d
      ? d.stages.map((s, id) => ({
          id,
          key: s.key,
          name: s.name,
          rule: asGroup(s.rule as Rule),
          falls: s.falls ?? false,
        }))
      : [newStage(0), newStage(1)],
    lost: d?.lost
      ? {
          key: d.lost.key,
          name: d.lost.name,
          rule: asGroup(d.lost.rule as Rule),
          from: d.lost.from ?? "",
          restart: d.lost.restart ?? false,
        }
      : null,
  };
}

/** Letters of a name that may be part of a key. */
export const keyOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "")
    .slice(0, 40);

const keyForm = /^[a-z][a-z0-9_]{0,39}$/;

/** A rule that can be saved: whole, and of at least one condition. */
function whole(rule: Rule): Rule | null {
  const pruned = prune(rule);
  return pruned.incomplete === 0 ? pruned.rule : null;
}

/** The definition that a draft says; null while something of it is missing. */
export function definitionOf(draft: CycleDraft): CycleDefinition | null {
  const stages: CycleDefinition["stages"] = [];
  for (const s of draft.stages) {
    const rule = whole(s.rule);
    if (!rule || !keyForm.test(s.key) || s.name.trim() === "") return null;
    stages.push({ key: s.key, name: s.name.trim(), rule, ...(s.falls ? { falls: true } : {}) });
  }
  if (stages.length === 0 || new Set(stages.map((s) => s.key)).size < stages.length) return null;
  const l = draft.lost;
  if (!l) return { stages };
  const rule = whole(l.rule);
  if (!rule || !keyForm.test(l.key) || l.name.trim() === "" || stages.some((s) => s.key === l.key))
    return null;
  const from = stages.some((s) => s.key === l.from) ? l.from : "";
  return {
    stages,
    lost: {
      key: l.key,
      name: l.name.trim(),
      rule,
      ...(from ? { from } : {}),
      ...(l.restart ? { restart: true } : {}),
    },
  };
}

export const complete = (draft: CycleDraft): boolean =>
  draft.name.trim() !== "" && keyForm.test(draft.key) && definitionOf(draft) !== null;

import { useCallback, useEffect, useRef, useState } from "react";
import type { Rule } from "@/api/types";
import { stableJson } from "./json";
import { groupOf, isHousehold, isNot, membersOf } from "./rule";

/** What was before, and what was taken back. */
export interface Past {
  before: readonly Rule[];
  after: readonly Rule[];
  /** When the last change was remembered. */
  at: number;
}

export const noPast: Past = { before: [], after: [], at: 0 };

/** How many changes can be taken back. */
export const undoable = 100;
/** Changes within one condition that follow each other this closely, in ms, are one: somebody is typing. */
const together = 1000;

/** How groups and conditions stand to each other, whatever the conditions say, and what they say, one by one. */
function anatomy(rule: Rule): { shape: string; said: string[] } {
  const said: string[] = [];
  const shape = (r: Rule): string => {
    if (isNot(r)) return `!${shape(r.not)}`;
    if (isHousehold(r)) return `h(${shape(membersOf(r).of)})`;
    const group = groupOf(r);
    if (!group) said.push(stableJson(r));
    return group ? `${group.kind}(${group.of.map(shape).join()})` : ".";
  };
  return { shape: shape(rule), said };
}

/** Whether two rules differ in what one condition says: two that change places are a move. */
function differInOne(a: Rule, b: Rule): boolean {
  const [x, y] = [anatomy(a), anatomy(b)];
  return x.shape === y.shape && x.said.filter((s, i) => s !== y.said[i]).length === 1;
}

/** The past after a change from one rule to the next. */
export function remember(past: Past, from: Rule, to: Rule, now: number): Past {
  if (stableJson(from) === stableJson(to)) return past;
  const typing = now - past.at < together && past.before.length > 0 && differInOne(from, to);
  return {
    before: typing ? past.before : [...past.before, from].slice(-undoable),
    after: [],
    at: now,
  };
}

export function takeBack(past: Past, rule: Rule): { rule: Rule; past: Past } | null {
  const last = past.before.at(-1);
  if (!last) return null;
  return { rule: last, past: { before: past.before.slice(0, -1), after: [...past.after, rule], at: 0 } };
}

export function doAgain(past: Past, rule: Rule): { rule: Rule; past: Past } | null {
  const next = past.after.at(-1);
  if (!next) return null;
  return { rule: next, past: { before: [...past.before, rule], after: past.after.slice(0, -1), at: 0 } };
}

export interface Undo {
  /** Changes the rule so that it can be taken back. */
  change: (next: Rule) => void;
  undo: () => void;
  redo: () => void;
  canUndo: boolean;
  canRedo: boolean;
}

/** A rule whose changes can be taken back, and done again. */
export function useUndo(rule: Rule, set: (next: Rule) => void): Undo {
  const [past, setPast] = useState(noPast);
  const latest = useRef({ rule, set, past });
  useEffect(() => {
    latest.current = { rule, set, past };
  });
  const change = useCallback((next: Rule) => {
    const { rule, set, past } = latest.current;
    setPast(remember(past, rule, next, Date.now()));
    set(next);
  }, []);
  const walk = useCallback((step: typeof takeBack) => {
    const { rule, set, past } = latest.current;
    const done = step(past, rule);
    if (!done) return;
    setPast(done.past);
    set(done.rule);
  }, []);
  return {
    change,
    undo: useCallback(() => walk(takeBack), [walk]),
    redo: useCallback(() => walk(doAgain), [walk]),
    canUndo: past.before.length > 0,
    canRedo: past.after.length > 0,
  };
}

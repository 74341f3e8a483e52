import { expect, it } from "vitest";
import type { Rule } from "@/api/types";
import { doAgain, noPast, type Past, remember, takeBack, undoable } from "./useUndo";

const city = (value: string): Rule => ({ and: [{ trait: "city", op: "eq", value }] });

it("takes back what was typed as one change, and what was done to groups one by one", () => {
  let past: Past = noPast;
  let rule: Rule = { and: [] };
  const change = (next: Rule, now: number) => {
    past = remember(past, rule, next, now);
    rule = next;
  };
  change(city(""), 10_000);
  change(city("B"), 12_000);
  change(city("Be"), 12_200);
  change(city("Ber"), 12_400);
  change({ and: [city("Ber")] }, 12_500);
  expect(past.before).toEqual([{ and: [] }, city(""), city("Ber")]);
  const seen: Rule[] = [];
  for (let back = takeBack(past, rule); back; back = takeBack(past, rule)) {
    past = back.past;
    rule = back.rule;
    seen.push(rule);
  }
  expect(seen).toEqual([city("Ber"), city(""), { and: [] }]);
  for (let on = doAgain(past, rule); on; on = doAgain(past, rule)) {
    past = on.past;
    rule = on.rule;
  }
  expect(rule).toEqual({ and: [city("Ber")] });
});

it("forgets what was taken back when something else is done, and what is very long ago", () => {
  const back = takeBack(remember(noPast, city("a"), { and: [city("a")] }, 1e6), { and: [city("a")] });
  expect(back?.past.after).toHaveLength(1);
  expect(remember(back?.past ?? noPast, city("a"), { or: [city("b")] }, 2e6).after).toEqual([]);
  let past = noPast;
  for (let i = 0; i < undoable + 20; i++)
    past = remember(past, city(`${i}`), city(`${i + 1}`), i * 5000 + 1e6);
  expect(past.before).toHaveLength(undoable);
  expect(past.before[0]).toEqual(city("20"));
});

it("takes moves that follow each other back one by one", () => {
  const [a, b, c]: Rule[] = [city("a"), city("b"), city("c")];
  const rules = [
    [a, b, c],
    [b, a, c],
    [b, c, a],
  ].map((and) => ({ and }) as Rule);
  const [x, y, z] = rules as [Rule, Rule, Rule];
  expect(remember(remember(noPast, x, y, 1e6), y, z, 1e6 + 50).before).toEqual([x, y]);
});

it("does not remember what changes nothing", () => {
  expect(remember(noPast, city("a"), city("a"), 1e6)).toBe(noPast);
});

import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { identityRulesQuery } from "@/api/queries";
import type { paths } from "@/api/schema";
import type { BlockedValue, IdentifierVerdict } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { IdentifierChip, Pill } from "@/components/Pill";
import { useLabels } from "@/lib/labels";
import { useWrite } from "@/lib/useWrite";
import { Holders } from "./TestBox";

const folded = 60;

/** Values that name nobody: built in or added; a click switches one off or on. */
export function BlockedValues({ kind, values }: { kind: string; values: BlockedValue[] }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("identity:write");
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  const [held, setHeld] = useState<IdentifierVerdict | null>(null);
  const change = useWrite({
    mutationFn: async (b: { value: string; blocked: boolean }) => {
      const rules = await data(api.POST("/api/v1/identity/blocked", { body: { kind, ...b } }));
      const verdict =
        b.blocked && kind
          ? await data(api.POST("/api/v1/identity/check", { body: { kind, value: b.value } }))
          : null;
      return { rules, verdict };
    },
    onSuccess: ({ rules, verdict }, b) => {
      client.setQueryData(identityRulesQuery.queryKey, rules);
      setHeld(verdict && verdict.holders.length > 0 ? verdict : null);
      setText("");
      message.success(
        t(b.blocked ? "people.rules.nowBlocked" : "people.rules.nowAllowed", { value: b.value }),
      );
    },
  });
  const [sample, setSample] = useState("");
  const test = useWrite({
    mutationFn: (value: string) =>
      data(
        api.POST("/api/v1/identity/blocked/test", {
          body: { kind, value, samples: sample.trim() ? [sample.trim()] : [] },
        }),
      ),
  });
  const typed = text.trim();
  const wanted = typed.toLowerCase();
  const word = (v: string) =>
    v.startsWith("{") && i18n.exists(`people.rules.shapes.${v.slice(1, -1)}`)
      ? t(`people.rules.shapes.${v.slice(1, -1) as "zeros"}`)
      : v;
  const found = values.filter(
    (b) => word(b.value).toLowerCase().includes(wanted) || b.value.includes(wanted),
  );
  // What somebody has changed stands first.
  const sorted = [...found].sort((a, b) => Number(b.changed_at !== null) - Number(a.changed_at !== null));
  const shown = all || wanted ? sorted : sorted.slice(0, folded);
  const there = values.some((b) => b.value.toLowerCase() === wanted);
  return (
    <div className="blocked">
      <form
        className="blocked-add"
        onSubmit={(e) => {
          e.preventDefault();
          if (typed && !there) change.mutate({ value: typed, blocked: true });
        }}
      >
        <Input
          value={text}
          onChange={(e) => setText(e.target.value)}
          placeholder={t(may ? "people.rules.addValue" : "people.rules.findValue")}
          aria-label={t(may ? "people.rules.addValue" : "people.rules.findValue")}
          maxLength={256}
          allowClear
        />
        {may && (
          <Button disabled={!typed} loading={test.isPending} onClick={() => test.mutate(typed)}>
            {t("people.rules.tryValue.action")}
          </Button>
        )}
        {may && (
          <Button htmlType="submit" disabled={!typed || there} loading={change.isPending}>
            {t("people.rules.suggestions.block")}
          </Button>
        )}
      </form>
      {may && typed && (
        <Input
          className="blocked-sample"
          value={sample}
          onChange={(e) => setSample(e.target.value)}
          onPressEnter={() => test.mutate(typed)}
          placeholder={t("people.rules.tryValue.sample")}
          aria-label={t("people.rules.tryValue.sample")}
          maxLength={256}
          allowClear
        />
      )}
      {test.data && test.variables === typed && <Tried found={test.data} />}
      {held && <Holders verdict={held} />}
      <ul className="blocked-list">
        {shown.map((b) => (
          <li key={b.value}>
            <button
              type="button"
              aria-pressed={b.blocked}
              disabled={!may || change.isPending}
              data-own={!b.built_in || undefined}
              data-shape={word(b.value) !== b.value || undefined}
              title={t(
                b.blocked
                  ? b.built_in
                    ? "people.rules.switchOff"
                    : "people.rules.remove"
                  : "people.rules.switchOn",
              )}
              onClick={() => change.mutate({ value: b.value, blocked: !b.blocked })}
            >
              {word(b.value)}
            </button>
          </li>
        ))}
        {found.length > shown.length && (
          <li>
            <button type="button" className="text-link" onClick={() => setAll(true)}>
              {t("people.rules.showAll", { n: format.num(found.length) })}
            </button>
          </li>
        )}
        {found.length === 0 && (
          <li className="muted">{t(values.length ? "people.rules.noValue" : "people.rules.noValues")}</li>
        )}
      </ul>
    </div>
  );
}

type BlockTest =
  paths["/api/v1/identity/blocked/test"]["post"]["responses"]["200"]["content"]["application/json"];

/** What an entry would catch: the value that was tried, and of the identifiers that came last. */
function Tried({ found: f }: { found: BlockTest }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (
    <div className="person-note rules-holders" aria-live="polite" data-tried>
      {f.samples.map((s) => (
        <p key={s.value}>
          <code>{s.value}</code>{" "}
          <Pill tone={s.blocked ? "bad" : "good"}>
            {t(s.blocked ? "people.rules.test.blocked" : "people.rules.tryValue.passes")}
          </Pill>
        </p>
      ))}
      <p>
        {t("people.rules.tryValue.caught", {
          count: f.caught,
          n: format.num(f.caught),
          looked: format.num(f.looked),
        })}
      </p>
      {f.examples.length > 0 && (
        <p className="rules-examples">
          {f.examples.map((i) => (
            <IdentifierChip key={i.kind + i.value} {...i} label={labels.identifierKind(i.kind)} />
          ))}
        </p>
      )}
    </div>
  );
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, InputNumber, Select, Switch } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { householdRulesQuery, householdStrengthsQuery } from "@/api/queries";
import type { HouseholdLearnt, HouseholdRules } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { stableJson } from "@/lib/json";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";

type Rule = HouseholdRules["rules"][number];
type Strength = NonNullable<HouseholdRules["strengths"]>[number];

/** The rules as a small table of figures; whoever may not change them reads them. */
export function RulesForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const query = useQuery(householdRulesQuery);
  const may = useMay("households:write");
  const queries = useQueryClient();
  const { message } = App.useApp();
  const [draft, setDraft] = useState<HouseholdRules>();
  useEffect(() => {
    if (query.data) setDraft((d) => d ?? query.data);
  }, [query.data]);
  const changed =
    draft !== undefined && query.data !== undefined && stableJson(draft) !== stableJson(query.data);
  useUnsaved(changed);
  const save = useWrite({
    mutationFn: (rules: HouseholdRules) => data(api.PUT("/api/v1/households/rules", { body: bare(rules) })),
    onSuccess: (saved) => {
      queries.setQueryData(householdRulesQuery.queryKey, saved);
      void queries.invalidateQueries({ queryKey: ["households"] });
      setDraft(saved);
      message.success(t("households.rules.saved"));
      onDone();
    },
  });
  const learn = useQuery({ ...householdStrengthsQuery, enabled: false });
  const takeLearnt = async () => {
    const { data: learnt } = await learn.refetch();
    if (!learnt) return;
    if (learnt.strengths.length === 0) message.info(t("households.rules.learnNone"));
    else
      setDraft(
        (d) => d && { ...d, strengths: [...learnt.strengths], threshold: Math.max(learnt.threshold, 0.05) },
      );
  };
  if (query.error && !draft) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!draft) return <span className="bone" style={{ width: "100%", height: 320 }} />;
  const set = (kind: Rule["kind"], change: Partial<Rule>) =>
    setDraft({ ...draft, rules: draft.rules.map((r) => (r.kind === kind ? { ...r, ...change } : r)) });
  return (
    <div className="stack household-rules">
      <p className="muted">
        {t("households.rules.about")} {query.data?.default && <Pill>{t("households.rules.standard")}</Pill>}
      </p>
      <div className="household-rule-head" title={t("households.rules.thresholdHelp")}>
        <span>{t("households.rules.threshold")}</span>
        <InputNumber
          aria-label={t("households.rules.threshold")}
          min={0.05}
          max={1}
          step={0.05}
          value={draft.threshold}
          disabled={!may}
          onChange={(v) => v !== null && setDraft({ ...draft, threshold: v })}
        />
      </div>
      {draft.rules.map((r) => (
        <RuleCard
          key={r.kind}
          rule={r}
          learnt={(draft.strengths ?? []).filter((s) => s.kind === r.kind)}
          may={may}
          onChange={(c) => set(r.kind, c)}
        />
      ))}
      {learn.data && <Expected learnt={learn.data} />}
      {learn.error && <ErrorState error={learn.error} onRetry={() => void takeLearnt()} />}
      {may && (
        <div className="row">
          <Button
            type="primary"
            disabled={!changed}
            loading={save.isPending}
            onClick={() => save.mutate(draft)}
          >
            {t("households.rules.save")}
          </Button>
          <Button
            loading={learn.isFetching}
            title={t("households.rules.learnHelp")}
            onClick={() => void takeLearnt()}
          >
            {t("households.rules.learn")}
          </Button>
          {(draft.strengths ?? []).length > 0 && (
            <Button type="text" onClick={() => setDraft({ ...draft, strengths: [] })}>
              {t("households.rules.unlearn")}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** Only what may be set: the answer tells more. */
function bare(r: HouseholdRules): HouseholdRules {
  const { threshold, rules, night_from, night_to, paid, paid_fields, born_fields, role_fields, name_fields } =
    r;
  return {
    threshold,
    rules,
    ...(r.strengths ? { strengths: r.strengths } : {}),
    night_from,
    night_to,
    paid,
    paid_fields,
    born_fields,
    role_fields,
    name_fields,
  };
}

/** How good households are expected to be with what was learnt, and what it was learnt by. */
function Expected({ learnt }: { learnt: HouseholdLearnt }) {
  const { t } = useTranslation();
  const format = useFormat();
  const weak = learnt.witnesses.filter((w) => !w.used);
  return (
    <section className="stack household-expected" aria-live="polite">
      {learnt.strengths.length > 0 && (
        <dl className="facts">
          <div title={t("households.rules.precisionHelp")}>
            <dt>{t("households.rules.precision")}</dt>
            <dd>{format.percent(learnt.expected_precision)}</dd>
          </div>
          <div title={t("households.rules.recallHelp")}>
            <dt>{t("households.rules.recall")}</dt>
            <dd>{format.percent(learnt.expected_recall)}</dd>
          </div>
          <div>
            <dt>{t("households.rules.learntPairs")}</dt>
            <dd>{format.num(learnt.pairs)}</dd>
          </div>
        </dl>
      )}
      <ul className="household-learnt">
        {learnt.witnesses
          .filter((w) => w.used)
          .map((w) => (
            <li key={w.kind} className="muted">
              {t(`households.kind.${w.kind}`)}
              {" · "}
              {t(`households.witness.${w.by}`)}
            </li>
          ))}
        {weak.map((w) => (
          <li key={w.kind}>
            <Pill tone="warn">{t(`households.kind.${w.kind}`)}</Pill>{" "}
            {t(w.kind === "address" ? "households.witness.weakAddress" : "households.witness.weak")}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What was learnt of a clue, in words: "two share it: 92 % of such pairs live together". */
function Learnt({ list }: { list: readonly Strength[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (list.length === 0) return null;
  return (
    <ul className="household-learnt" aria-label={t("households.rules.learnt")}>
      {list.map((s) => (
        <li key={s.level}>
          {s.level === "near" || s.level === "name"
            ? t(`households.level.${s.level}`)
            : t(`households.level.${s.kind === "device" || s.kind === "vehicle" ? "days" : "shared"}`, {
                level: s.level,
              })}
          {" · "}
          <b className="n">{format.percent(s.weight)}</b>{" "}
          <small className="muted">{t("households.rules.ofPairs", { n: format.num(s.pairs) })}</small>
        </li>
      ))}
    </ul>
  );
}

function RuleCard(props: {
  rule: Rule;
  learnt: readonly Strength[];
  may: boolean;
  onChange: (change: Partial<Rule>) => void;
}) {
  const { t } = useTranslation();
  const { rule: r, may, onChange } = props;
  const figure = (key: "weight" | "most" | "least" | "fresh", min: number, max: number, step = 1) => (
    <div title={t(`households.rules.${key}Help`)}>
      <span>{t(`households.rules.${key}`)}</span>
      <InputNumber
        aria-label={t(`households.rules.${key}`)}
        min={min}
        max={max}
        step={step}
        value={r[key]}
        disabled={!may || !r.on}
        onChange={(v) => v !== null && onChange({ [key]: v })}
      />
    </div>
  );
  return (
    <section className="card household-rule" data-rule={r.kind}>
      <div className="card-head">
        <h2>{t(`households.kind.${r.kind}`)}</h2>
        <Switch
          size="small"
          checked={r.on}
          disabled={!may}
          aria-label={t("households.rules.on")}
          onChange={(on) => onChange({ on })}
        />
      </div>
      <div className="household-figures">
        {figure("weight", 0, 1, 0.05)}
        {figure("most", 2, 100)}
        {figure("least", 1, 64)}
        {figure("fresh", 0, 36500)}
      </div>
      <Learnt list={props.learnt} />
      <div className="household-fields" title={t("households.rules.fieldsHelp")}>
        <span>{t("households.rules.fields")}</span>
        <Select
          mode="tags"
          aria-label={t("households.rules.fields")}
          value={r.fields}
          disabled={!may || !r.on}
          open={false}
          suffixIcon={null}
          onChange={(fields: string[]) => onChange({ fields })}
        />
      </div>
    </section>
  );
}

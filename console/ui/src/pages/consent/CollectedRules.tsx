import { useQuery } from "@tanstack/react-query";
import { AutoComplete, Button, Input, Select } from "antd";
import { ArrowUp, Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { catalogueEventsQuery } from "@/api/queries";
import { useMay } from "@/app/session";
import { langOf, titleOf } from "@/lib/usePurposes";
import { useSources } from "@/lib/useSources";
import { alone, type Draft } from "./policy";

type Rule = Draft["collected"][number];

/** Which purpose events serve, by name and source, and what becomes of those of who refuses it. The first rule that matches holds. */
export function CollectedRules(props: {
  rules: readonly Rule[];
  purposes: Draft["purposes"];
  may: boolean;
  onChange: (rules: Rule[]) => void;
}) {
  const { t } = useTranslation();
  const { rules, may, onChange } = props;
  const first = props.purposes[0]?.key;
  return (
    <div className="stack">
      <div>
        <b>{t("consent.collectedTitle")}</b>
        <small className="muted consent-help">{t("consent.collectedHelp")}</small>
      </div>
      {rules.map((rule, i) => (
        <RuleLine
          // biome-ignore lint/suspicious/noArrayIndexKey: rules have no id, and their place is what they are known by
          key={i}
          n={i + 1}
          rule={rule}
          purposes={props.purposes}
          may={may}
          onChange={(change) => onChange(rules.map((r, at) => (at === i ? { ...r, ...change } : r)))}
          onUp={
            i > 0
              ? () => {
                  const next = [...rules];
                  next.splice(i - 1, 0, ...next.splice(i, 1));
                  onChange(next);
                }
              : undefined
          }
          onRemove={() => onChange(rules.filter((_, at) => at !== i))}
        />
      ))}
      {may && first && (
        <div>
          <Button
            icon={<Plus size={14} />}
            disabled={rules.length >= 100}
            onClick={() => onChange([...rules, { event: "", source: "", purpose: first, refused: "drop" }])}
          >
            {t("consent.addRule")}
          </Button>
        </div>
      )}
    </div>
  );
}

function RuleLine(props: {
  n: number;
  rule: Rule;
  purposes: Draft["purposes"];
  may: boolean;
  onChange: (change: Partial<Rule>) => void;
  onUp: (() => void) | undefined;
  onRemove: () => void;
}) {
  const { t, i18n } = useTranslation();
  const { rule, purposes, may, onChange } = props;
  const sources = useSources();
  const events = useQuery({ ...catalogueEventsQuery, enabled: useMay("people:read") && may }).data?.items;
  const names = [...new Set((events ?? []).map((e) => e.event).filter((name) => name !== ""))].sort();
  const serves = purposes.find((u) => u.key === rule.purpose);
  const known = [...sources.byId.values()].map((s) => ({ value: s.id, label: s.name }));
  const lost = rule.source && !sources.byId.has(rule.source);
  return (
    <fieldset className="consent-rule" aria-label={t("consent.ruleN", { n: props.n })}>
      <AutoComplete
        value={rule.event ?? ""}
        disabled={!may}
        options={names.map((value) => ({ value }))}
        showSearch={{
          filterOption: (typed, option) =>
            (option?.value ?? "").toLocaleLowerCase().includes(typed.toLocaleLowerCase()),
        }}
        onChange={(event: string) => onChange({ event })}
      >
        <Input aria-label={t("consent.event")} placeholder={t("consent.everyEvent")} maxLength={200} />
      </AutoComplete>
      <Select
        aria-label={t("consent.source")}
        value={rule.source ?? ""}
        disabled={!may}
        options={[
          { value: "", label: t("consent.everySource") },
          ...known,
          ...(lost ? [{ value: rule.source, label: rule.source }] : []),
        ]}
        onChange={(source) => onChange({ source })}
      />
      <Select
        aria-label={t("consent.purpose")}
        value={rule.purpose}
        disabled={!may}
        status={serves ? "" : "error"}
        options={purposes.map((u) => ({
          value: u.key,
          label: titleOf(u.title, langOf(i18n.language)) || u.key,
        }))}
        onChange={(purpose) => onChange({ purpose })}
      />
      {serves?.basis === "necessary" ? (
        <span className="muted">{t("consent.neverRefused")}</span>
      ) : (
        <RefusalSelect
          label={t("consent.refusedTitle")}
          value={rule.refused || "drop"}
          purpose={serves}
          may={may}
          onChange={(refused) => onChange({ refused })}
        />
      )}
      {may && (
        <span className="row nowrap">
          <Button
            type="text"
            icon={<ArrowUp size={14} />}
            aria-label={t("consent.ruleUp", { n: props.n })}
            disabled={!props.onUp}
            onClick={props.onUp}
          />
          <Button
            type="text"
            icon={<X size={14} />}
            aria-label={t("consent.ruleRemove", { n: props.n })}
            onClick={props.onRemove}
          />
        </span>
      )}
    </fieldset>
  );
}

/** What becomes of events of who refuses; those of a purpose that the law keeps apart can only go. */
export function RefusalSelect(props: {
  label: string;
  value: string;
  purpose: Draft["purposes"][number] | undefined;
  may: boolean;
  onChange: (refused: "drop" | "pseudonymise") => void;
}) {
  const { t } = useTranslation();
  const apart = props.purpose !== undefined && alone.includes(props.purpose.class);
  return (
    <Select
      aria-label={props.label}
      value={props.value as "drop" | "pseudonymise"}
      disabled={!props.may}
      status={apart && props.value === "pseudonymise" ? "error" : ""}
      options={(["drop", "pseudonymise"] as const).map((v) => ({
        value: v,
        label: t(`consent.refusal.${v}`),
        disabled: apart && v === "pseudonymise",
        title: apart && v === "pseudonymise" ? t("consent.apart") : "",
      }))}
      onChange={props.onChange}
    />
  );
}

import { Button, Input, Select } from "antd";
import { Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { formatJson, parseDamagedJson } from "@/lib/json";
import { usePlanWords } from "@/pages/plans/words";
import type { MendStep } from "./queries";
import { changeKind } from "./rule";

const kinds = ["rename", "cast", "split", "default", "drop", "set"] as const;
const types = ["number", "integer", "string", "boolean", "date-time", "array"] as const;

/** The steps of a rule, each a line that reads like a sentence. */
export function StepFields(props: { steps: MendStep[]; onChange: (steps: MendStep[]) => void }) {
  const { t } = useTranslation();
  const { steps, onChange } = props;
  const put = (i: number, s: MendStep) => onChange(steps.map((x, k) => (k === i ? s : x)));
  return (
    <div className="stack repair-steps">
      {steps.map((s, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
        <div className="repair-step" key={i}>
          <Select
            value={s.do}
            aria-label={t("collect.repair.do")}
            onChange={(kind) => put(i, changeKind(s, kind))}
            options={kinds.map((k) => ({ value: k, label: t(`collect.repair.kind.${k}`) }))}
          />
          <Input
            value={s.field}
            aria-label={t("collect.repair.field")}
            placeholder="properties.amount"
            onChange={(e) => put(i, { ...s, field: e.target.value })}
          />
          <More step={s} onChange={(x) => put(i, x)} />
          {steps.length > 1 && (
            <Button
              type="text"
              icon={<Trash2 size={14} />}
              aria-label={t("collect.repair.removeStep")}
              onClick={() => onChange(steps.filter((_, k) => k !== i))}
            />
          )}
        </div>
      ))}
      <Button
        size="small"
        type="dashed"
        onClick={() => onChange([...steps, { do: "drop", field: "properties." }])}
      >
        {t("collect.repair.addStep")}
      </Button>
    </div>
  );
}

function More({ step, onChange }: { step: MendStep; onChange: (s: MendStep) => void }) {
  const { t } = useTranslation();
  const plan = usePlanWords();
  switch (step.do) {
    case "rename":
      return (
        <Input
          value={step.to ?? ""}
          aria-label={t("collect.repair.to")}
          placeholder={t("collect.repair.to")}
          onChange={(e) => onChange({ ...step, to: e.target.value })}
        />
      );
    case "cast":
      return (
        <Select
          value={step.to ?? null}
          aria-label={t("collect.repair.type")}
          onChange={(to: string) => onChange({ ...step, to })}
          options={types.map((x) => ({
            value: x,
            label: plan.wanted(x === "date-time" ? "a date-time" : x),
          }))}
        />
      );
    case "split":
      return (
        <>
          <Input
            value={step.by ?? ""}
            aria-label={t("collect.repair.by")}
            placeholder={t("collect.repair.by")}
            onChange={(e) => onChange({ ...step, by: e.target.value })}
          />
          <Select
            mode="tags"
            value={step.into ?? []}
            aria-label={t("collect.repair.into")}
            placeholder={t("collect.repair.into")}
            onChange={(into: string[]) => onChange({ ...step, into })}
            open={false}
            suffixIcon={null}
          />
        </>
      );
    case "default":
      return (
        <Input
          defaultValue={step.value === undefined ? "" : formatJson(step.value)}
          aria-label={t("collect.repair.value")}
          placeholder={t("collect.repair.value")}
          onChange={(e) => onChange({ ...step, value: readValue(e.target.value) })}
        />
      );
    case "set":
      return (
        <Input
          value={step.expression ?? ""}
          className="mono"
          aria-label={t("collect.repair.expression")}
          placeholder="value / 100"
          onChange={(e) => onChange({ ...step, expression: e.target.value })}
        />
      );
    case "drop":
      return null;
  }
}

/** A number, a truth value or a quoted text is JSON; anything else is the text itself. */
function readValue(text: string): unknown {
  if (!/^\s*(?:-?\d|"|\[|\{|true$|false$)/.test(text)) return text;
  return parseDamagedJson(text).value ?? text;
}

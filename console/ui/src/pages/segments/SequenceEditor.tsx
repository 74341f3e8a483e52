import { Button, Select, Tooltip } from "antd";
import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import { ConditionList } from "@/components/conditions/ConditionRow";
import { EventPicker } from "@/components/conditions/EventPicker";
import { Length } from "@/components/conditions/Length";
import { maxSteps, type SequenceRule, type SequenceStep } from "@/lib/rule";

/** Events that followed each other; the last may be one that did not follow. */
export function SequenceEditor(props: { rule: SequenceRule; onChange: (r: Rule) => void; fresh: boolean }) {
  const { t } = useTranslation();
  const { rule, onChange, fresh } = props;
  const steps = rule.sequence;
  const set = (sequence: SequenceStep[]) =>
    onChange({
      ...rule,
      // Only the last says what did not follow, and the first follows nothing.
      sequence: sequence.map((s, i) => {
        const { not, within, ...step } = s;
        return {
          ...step,
          ...(i > 0 && within !== undefined ? { within } : {}),
          ...(not && i === sequence.length - 1 && i > 0 ? { not } : {}),
        };
      }),
    });
  const { within: _, ...ever } = rule;
  return (
    <>
      {steps.map((step, i) => (
        <Step
          // biome-ignore lint/suspicious/noArrayIndexKey: steps have no identity but their place
          key={i}
          step={step}
          first={i === 0}
          last={i === steps.length - 1}
          fresh={fresh && i === 0}
          onChange={(next) => set(steps.map((s, j) => (j === i ? next : s)))}
          onRemove={steps.length > 2 ? () => set(steps.filter((_s, j) => j !== i)) : undefined}
        />
      ))}
      <div className="rule-line">
        <span className="rule-bit">
          <Select
            className="pick"
            aria-label={t("segments.builder.window")}
            value={rule.within === undefined ? "ever" : "within"}
            popupMatchSelectWidth={false}
            onChange={(v) => onChange(v === "ever" ? ever : { ...rule, within: "7d" })}
            options={[
              { value: "within", label: t("segments.builder.begun") },
              { value: "ever", label: t("segments.builder.begunEver") },
            ]}
          />
          {rule.within !== undefined && (
            <Length value={rule.within} label="window" onChange={(within) => onChange({ ...rule, within })} />
          )}
        </span>
        {steps.length < maxSteps && (
          <Button
            type="text"
            size="small"
            className="add"
            icon={<Plus size={13} />}
            onClick={() => set([...steps, { event: "" }])}
          >
            {t("segments.builder.step.add")}
          </Button>
        )}
      </div>
    </>
  );
}

function Step(props: {
  step: SequenceStep;
  first: boolean;
  last: boolean;
  fresh: boolean;
  onChange: (s: SequenceStep) => void;
  onRemove: (() => void) | undefined;
}) {
  const { t } = useTranslation();
  const { step, first, last, onChange } = props;
  const { within: _within, not: _not, ...bare } = step;
  const { where: _where, ...unfiltered } = step;
  return (
    <>
      <div className="rule-line" data-testid="rule-step">
        {first || !last ? (
          <span className="rule-kind">
            {t(first ? "segments.builder.sequence" : "segments.builder.step.next")}
          </span>
        ) : (
          <Select
            className="pick"
            aria-label={t("segments.builder.step.which")}
            value={step.not ? "not" : "next"}
            popupMatchSelectWidth={false}
            onChange={(v) =>
              onChange(
                v === "not"
                  ? { ...step, within: step.within ?? "2h", not: true }
                  : { ...bare, within: step.within },
              )
            }
            options={(["next", "not"] as const).map((v) => ({
              value: v,
              label: t(`segments.builder.step.${v}`),
            }))}
          />
        )}
        <EventPicker
          value={step.event}
          label={t("condition.event")}
          fresh={props.fresh}
          onChange={(event) => onChange(event === step.event ? step : { ...unfiltered, event })}
        />
        {!first && (
          <span className="rule-bit">
            <Select
              className="pick"
              aria-label={t("segments.builder.stepTime")}
              value={step.within === undefined ? "any" : "within"}
              disabled={step.not === true}
              popupMatchSelectWidth={false}
              onChange={(v) => onChange(v === "any" ? bare : { ...step, within: "2h" })}
              options={[
                { value: "within", label: t("segments.builder.stepWithin") },
                { value: "any", label: t("segments.builder.anyTime") },
              ]}
            />
            {step.within !== undefined && (
              <Length value={step.within} label="step" onChange={(within) => onChange({ ...step, within })} />
            )}
          </span>
        )}
        {step.event !== "" && !step.where && (
          <Button
            type="text"
            size="small"
            className="add"
            icon={<Plus size={13} />}
            onClick={() => onChange({ ...step, where: [{ op: "eq" }] })}
          >
            {t("segments.builder.addWhere")}
          </Button>
        )}
        {props.onRemove && (
          <Tooltip title={t("segments.builder.step.remove")}>
            <Button
              type="text"
              size="small"
              className="condition-x"
              icon={<X size={14} />}
              aria-label={t("segments.builder.step.remove")}
              onClick={props.onRemove}
            />
          </Tooltip>
        )}
      </div>
      {step.where && (
        <div className="rule-where">
          <ConditionList
            events={[step.event]}
            value={step.where}
            fresh={false}
            addLabel={t("segments.builder.addWhere")}
            onChange={(where) => onChange(where ? { ...step, where } : unfiltered)}
          />
        </div>
      )}
    </>
  );
}

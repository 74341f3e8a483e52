import { Button, Input, InputNumber, Select } from "antd";
import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { classes } from "@/pages/collect/search";
import type { RetentionRule } from "./queries";

/** A rule: what it is about, and for how many days that is kept. */
export function RuleRow({
  rule,
  disabled,
  onChange,
  onRemove,
}: {
  rule: RetentionRule;
  disabled: boolean;
  onChange: (rule: RetentionRule) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="row retention-rule">
      <Input
        style={{ width: 200 }}
        value={rule.name}
        disabled={disabled}
        maxLength={100}
        aria-label={t("retention.name")}
        placeholder={t("retention.name")}
        onChange={(e) => onChange({ ...rule, name: e.target.value })}
      />
      <Select
        style={{ width: 140 }}
        value={rule.kind}
        disabled={disabled}
        aria-label={t("retention.kind")}
        onChange={(kind: RetentionRule["kind"]) =>
          onChange({
            name: rule.name,
            keep_days: rule.keep_days,
            kind,
            ...(kind === "traits" ? { traits: [] } : {}),
          })
        }
        options={(["events", "traits"] as const).map((v) => ({ value: v, label: t(`retention.kinds.${v}`) }))}
      />
      {rule.kind === "events" ? (
        <Input
          style={{ width: 220 }}
          value={rule.event ?? ""}
          disabled={disabled}
          aria-label={t("retention.event")}
          placeholder={t("retention.everyEvent")}
          onChange={(e) => onChange({ ...rule, event: e.target.value })}
        />
      ) : (
        <Select
          mode="multiple"
          style={{ minWidth: 180 }}
          value={rule.classes ?? []}
          disabled={disabled}
          aria-label={t("retention.classes")}
          placeholder={t("retention.classes")}
          onChange={(chosen: NonNullable<RetentionRule["classes"]>) => onChange({ ...rule, classes: chosen })}
          options={classes.map((c) => ({ value: c, label: t(`collect.catalogue.classes.${c}`) }))}
        />
      )}
      {rule.kind === "events" ? (
        <Select
          style={{ width: 170 }}
          value={rule.action ?? "erase"}
          disabled={disabled}
          aria-label={t("retention.action")}
          title={t("retention.actionHelp")}
          onChange={(action: NonNullable<RetentionRule["action"]>) => onChange({ ...rule, action })}
          options={(["erase", "anonymise"] as const).map((v) => ({
            value: v,
            label: t(`retention.actions.${v}`),
          }))}
        />
      ) : (
        <Select
          mode="tags"
          style={{ minWidth: 220 }}
          value={rule.traits ?? []}
          disabled={disabled}
          aria-label={t("retention.traits")}
          placeholder={t("retention.traits")}
          open={false}
          suffixIcon={null}
          onChange={(traits: string[]) => onChange({ ...rule, traits })}
        />
      )}
      <InputNumber
        min={1}
        max={36500}
        value={rule.keep_days}
        disabled={disabled}
        aria-label={t("retention.days")}
        suffix={t("retention.daysUnit")}
        style={{ width: 140 }}
        onChange={(days) => onChange({ ...rule, keep_days: days ?? rule.keep_days })}
      />
      {!disabled && (
        <Button type="text" icon={<X size={14} />} aria-label={t("retention.remove")} onClick={onRemove} />
      )}
    </div>
  );
}

import { Select } from "antd";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import { Length } from "@/components/conditions/Length";
import { SegmentPicker } from "@/components/conditions/SegmentPicker";
import type { SegmentRule } from "@/lib/rule";

/** Who is in another segment, or has been for some time. */
export function SegmentEditor(props: {
  rule: SegmentRule;
  onChange: (r: Rule) => void;
  fresh: boolean;
  /** The segment that is being edited. */
  self?: string;
}) {
  const { t } = useTranslation();
  const { rule, onChange, fresh, self } = props;
  const lasts = rule.for !== undefined;
  return (
    <div className="rule-line">
      <span className="rule-kind">{t("segments.builder.inSegment")}</span>
      <SegmentPicker
        value={rule.segment || undefined}
        label={t("condition.segment")}
        fresh={fresh}
        {...(self ? { except: self } : {})}
        onChange={(id) => onChange({ ...rule, segment: id ?? "" })}
      />
      <span className="rule-bit">
        <Select
          className="pick"
          aria-label={t("segments.builder.lasts.label")}
          value={lasts ? "for" : "now"}
          popupMatchSelectWidth={false}
          onChange={(v) => onChange({ segment: rule.segment, ...(v === "for" ? { for: "30d" } : {}) })}
          options={(["now", "for"] as const).map((v) => ({
            value: v,
            label: t(`segments.builder.lasts.${v}`),
          }))}
        />
        {rule.for !== undefined && (
          <Length value={rule.for} label="window" onChange={(v) => onChange({ ...rule, for: v })} />
        )}
      </span>
    </div>
  );
}

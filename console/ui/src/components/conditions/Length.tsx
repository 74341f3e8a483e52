import { InputNumber, Select } from "antd";
import { useTranslation } from "react-i18next";
import { parseLength } from "@/lib/rule";

/** A length of time: a number and its unit. */
export function Length(props: {
  value: string;
  label: "window" | "from" | "to" | "step";
  onChange: (s: string) => void;
}) {
  const { t } = useTranslation();
  const length = parseLength(props.value) ?? { n: 30, unit: "d" as const };
  const unit = length.unit === "m" || length.unit === "h" ? length.unit : "d";
  return (
    <>
      <InputNumber
        className="rule-n"
        aria-label={t(`segments.builder.length.${props.label}`)}
        min={1}
        max={3650}
        precision={0}
        value={length.unit === "w" ? length.n * 7 : length.n}
        onChange={(v) => props.onChange(`${v ?? 1}${unit}`)}
      />
      <Select
        className="pick"
        aria-label={t("segments.builder.windowUnit")}
        value={unit}
        onChange={(u) => props.onChange(`${length.n}${u}`)}
        options={(["m", "h", "d"] as const).map((u) => ({
          value: u,
          label: t(`segments.builder.unit.${u}`),
        }))}
      />
    </>
  );
}

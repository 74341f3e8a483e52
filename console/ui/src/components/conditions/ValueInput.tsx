import { useQuery } from "@tanstack/react-query";
import { AutoComplete, Input, InputNumber, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { catalogueValuesQuery } from "@/api/queries";
import type { TraitOp } from "@/api/types";
import { readNumber } from "@/lib/json";
import { takesLength, takesList, takesMoment, takesNoValue } from "@/lib/rule";
import { compact } from "@/lib/search";
import { useRested } from "@/lib/useDraft";
import { type FieldType, readValue } from "./fields";
import { Length } from "./Length";
import { DaysInput, MomentInput, PlaceInput } from "./Operands";

/** The value of a condition: a number, a text with what was seen before, a list, or true and false. */
export function ValueInput(props: {
  op: TraitOp;
  type: FieldType;
  value: unknown;
  onChange: (value: unknown) => void;
  /** Where values that were seen come from; without it nothing is offered. */
  of?: { event?: string; property?: string; dimension?: string; trait?: string };
}) {
  const { t } = useTranslation();
  const { op, type, value, onChange } = props;
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState(false);
  const q = useRested(typed.trim());
  const seen = useQuery({
    ...catalogueValuesQuery(compact({ ...props.of, q: q || undefined })),
    enabled: asked && Boolean(props.of?.property || props.of?.dimension || props.of?.trait),
  });
  if (takesNoValue(op)) return null;
  const label = t("condition.value");
  if (takesLength(op)) return <Length value={String(value ?? "30d")} label="window" onChange={onChange} />;
  if (takesMoment(op)) return <MomentInput value={value} onChange={onChange} />;
  if (op === "anniversary") return <DaysInput value={value} onChange={onChange} />;
  if (op === "near") return <PlaceInput value={value} onChange={onChange} />;
  const suggestions = [
    ...new Set((seen.data?.values ?? []).filter((v) => v !== null && typeof v !== "object").map(String)),
  ];

  if (type === "boolean" && !takesList(op)) {
    return (
      <Select
        className="pick pick-value"
        aria-label={label}
        placeholder={t("condition.value")}
        value={typeof value === "boolean" ? String(value) : null}
        onChange={(v: string) => onChange(v === "true")}
        options={[
          { value: "true", label: t("condition.true") },
          { value: "false", label: t("condition.false") },
        ]}
      />
    );
  }
  if (takesList(op)) {
    const list = Array.isArray(value) ? value.map(String) : [];
    return (
      <Select
        mode="tags"
        className="pick pick-value pick-wide"
        aria-label={label}
        placeholder={t("condition.values")}
        value={list}
        maxTagCount="responsive"
        tokenSeparators={[",", "，", "\n"]}
        onFocus={() => setAsked(true)}
        showSearch={{ onSearch: setTyped }}
        onChange={(vs: string[]) => onChange(vs.map((v) => readValue(v, type, op)))}
        options={suggestions.map((v) => ({ value: v, label: v }))}
      />
    );
  }
  if (type === "number") {
    return (
      <InputNumber<string>
        stringMode
        className="pick pick-value"
        aria-label={label}
        placeholder={t("condition.value")}
        value={typeof value === "number" || typeof value === "bigint" ? String(value) : null}
        onChange={(v) => onChange(v === null ? undefined : (readNumber(String(v)) ?? undefined))}
      />
    );
  }
  return (
    <AutoComplete
      className="pick pick-value pick-wide"
      popupMatchSelectWidth={false}
      classNames={{ popup: { root: "pick-popup" } }}
      value={value === undefined || value === null ? "" : String(value)}
      onFocus={() => setAsked(true)}
      onChange={(v: string | undefined) => {
        setTyped(v ?? "");
        onChange(v ? readValue(v, type, op) : undefined);
      }}
      options={suggestions.slice(0, 50).map((v) => ({ value: v }))}
    >
      <Input aria-label={label} placeholder={t("condition.value")} />
    </AutoComplete>
  );
}

import { Select } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { starredFirst, useNames } from "@/lib/displayNames";
import { useFresh } from "@/lib/useFresh";
import {
  contextPaths,
  dimensions,
  type Field,
  fieldKey,
  fieldName,
  fieldOfKey,
  householdTraits,
  useProperties,
} from "./fields";
import "./conditions.css";

/** A property of the given events, a column that every event has (in questions), or a path into the context. */
export function FieldPicker(props: {
  events: readonly string[];
  value: Field;
  onChange: (field: Field) => void;
  label: string;
  /** It was just added: opens with the keyboard in it. */
  fresh?: boolean;
  placeholder?: string;
  /** Questions know dimensions; rules of segments do not. */
  withDimensions?: boolean;
  /** Also what is known of households: in questions about them. */
  withHouseholds?: boolean;
  /** Only properties, and numbers first: what sum and the like need. */
  numbers?: boolean;
  allowClear?: boolean;
  onClear?: () => void;
}) {
  const opening = useFresh(props.fresh);
  const { t, i18n } = useTranslation();
  const names = useNames();
  const { items, loading } = useProperties(props.events);
  const [typed, setTyped] = useState("");
  const key = fieldKey(props.value);

  const options = useMemo(() => {
    const properties = starredFirst(items, (x) => names.of("property", x.property))
      .filter((x) => key === `p:${x.property}` || !names.of("property", x.property)?.hidden)
      .map((x) => ({
        value: `p:${x.property}`,
        label: names.shown("property", x.property) ?? x.property,
        words: names.words("property", x.property),
        note: x.type as string,
      }));
    if (props.numbers) properties.sort((a, b) => Number(b.note === "number") - Number(a.note === "number"));
    const groups = [{ label: t("condition.properties"), options: properties }];
    if (props.withHouseholds)
      groups.unshift({
        label: t("condition.households"),
        options: householdTraits.map((h) => ({
          value: `h:${h}`,
          label: t(`condition.householdTrait.${h}`),
          words: h,
          note: "",
        })),
      });
    if (!props.numbers) {
      if (props.withDimensions)
        groups.push({
          label: t("condition.dimensions"),
          options: dimensions.map((d) => ({
            value: `d:${d}`,
            label: i18n.exists(`condition.dimension.${d}`) ? t(`condition.dimension.${d}`) : d,
            words: d,
            note: d,
          })),
        });
      groups.push({
        label: t("condition.context"),
        options: contextPaths.map((p) => ({ value: `c:${p}`, label: p, words: "", note: "" })),
      });
    }
    const known = groups.flatMap((g) => g.options.map((o) => o.value));
    const name = typed.trim();
    const extra = [key, name && !known.includes(`p:${name}`) ? `p:${name}` : ""].filter(
      (k, i, all) => k !== "" && !known.includes(k) && all.indexOf(k) === i,
    );
    groups
      .find((g) => g.label === t("condition.properties"))
      ?.options.push(
        ...extra.map((k) => ({ value: k, label: fieldName(fieldOfKey(k)), words: "", note: "" })),
      );
    return groups.filter((g) => g.options.length > 0);
  }, [items, names, props.numbers, props.withDimensions, props.withHouseholds, t, i18n, typed, key]);

  return (
    <Select
      className="pick"
      aria-label={props.label}
      value={key || null}
      placeholder={props.placeholder ?? t("condition.property")}
      loading={loading}
      allowClear={props.allowClear ?? false}
      onClear={props.onClear}
      {...opening}
      popupMatchSelectWidth={false}
      classNames={{ popup: { root: "pick-popup" } }}
      showSearch={{
        onSearch: setTyped,
        filterOption: (text, option) =>
          `${option?.label ?? ""} ${wordsOf(option)}`.toLowerCase().includes(text.trim().toLowerCase()),
      }}
      onChange={(k: string | undefined) => {
        setTyped("");
        if (k) props.onChange(fieldOfKey(k));
      }}
      options={options}
      optionRender={(o) => (
        <span className="pick-option">
          <span className="ellipsis">{o.data.label}</span>
          <small>{(o.data as { note?: string }).note}</small>
        </span>
      )}
    />
  );
}

/** What an option is also found by; the heads of groups have none. */
function wordsOf(option: object | undefined): string {
  const { note = "", words = "" } = (option ?? {}) as { note?: string; words?: string };
  return `${note} ${words}`;
}

import { Select } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { ChoiceRow } from "@/components/Named";
import { choiceOf, choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
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
  const labels = useLabels();
  const { items, loading } = useProperties(props.events);
  const [typed, setTyped] = useState("");
  const key = fieldKey(props.value);

  const options = useMemo(() => {
    const chosen = fieldOfKey(key).property ?? "";
    const properties = choicesOf(names, "property", items, (x) => x.property, [chosen], labels.property).map(
      ({ of, ...c }) => ({ ...c, value: `p:${c.value}`, note: (of?.type ?? "") as string }),
    );
    if (props.numbers) properties.sort((a, b) => Number(b.note === "number") - Number(a.note === "number"));
    const groups = [{ label: t("condition.properties"), options: properties }];
    if (props.withHouseholds)
      groups.unshift({
        label: t("condition.households"),
        options: householdTraits.map((h) => ({
          value: `h:${h}`,
          label: t(`condition.householdTrait.${h}`),
          words: h,
          raw: "",
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
            raw: "",
            note: d,
          })),
        });
      groups.push({
        label: t("condition.context"),
        options: contextPaths.map((p) => ({ value: `c:${p}`, label: p, words: "", raw: "", note: "" })),
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
        ...extra.map((k) => {
          const { property } = fieldOfKey(k);
          return property
            ? { ...choiceOf(names, "property", property, labels.property), value: k, note: "" }
            : { value: k, label: fieldName(fieldOfKey(k)), words: "", raw: "", note: "" };
        }),
      );
    return groups.filter((g) => g.options.length > 0);
  }, [items, names, labels, props.numbers, props.withDimensions, props.withHouseholds, t, i18n, typed, key]);

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
        filterOption: (text, option) => isFound(text, option as Partial<(typeof options)[0]["options"][0]>),
      }}
      onChange={(k: string | undefined) => {
        setTyped("");
        if (k) props.onChange(fieldOfKey(k));
      }}
      options={options}
      optionRender={(o) => (
        <ChoiceRow
          label={o.data.label}
          raw={(o.data as { raw?: string }).raw}
          note={<small>{(o.data as { note?: string }).note}</small>}
        />
      )}
    />
  );
}

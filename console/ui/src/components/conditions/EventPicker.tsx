import { Select } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { ChoiceRow } from "@/components/Named";
import { choiceOf, choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import { useFresh } from "@/lib/useFresh";
import { useEvents } from "./useEvents";
import "./conditions.css";

/** An event of the catalogue, the frequent ones first, each with its volume; a name that was never seen can be typed. */
export function EventPicker(props: {
  value: string;
  onChange: (event: string) => void;
  label: string;
  /** It was just added: opens with the keyboard in it. */
  fresh?: boolean;
  /** Offer "any event" ("*"). */
  any?: boolean;
  id?: string;
}) {
  const opening = useFresh(props.fresh);
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const names = useNames();
  const events = useEvents();
  const [typed, setTyped] = useState("");

  const options = useMemo(() => {
    const chosen = props.any && props.value === "*" ? [] : [props.value];
    const known = choicesOf(names, "event", events.items, (e) => e.event, chosen, labels.event).map(
      ({ of, ...c }) => ({ ...c, count: of?.count ?? -1 }),
    );
    if (props.any)
      known.unshift({ value: "*", label: t("condition.anyEvent"), words: "", raw: "", count: -1 });
    const name = typed.trim();
    if (name !== "" && !known.some((k) => k.value === name || k.label === name))
      known.push({ ...choiceOf(names, "event", name, labels.event), count: -1 });
    return known;
  }, [events.items, labels, names, props.value, props.any, typed, t]);

  return (
    <Select
      {...(props.id ? { id: props.id } : {})}
      className="pick"
      aria-label={props.label}
      value={props.value || null}
      placeholder={t("condition.event")}
      loading={events.pending}
      {...opening}
      popupMatchSelectWidth={false}
      classNames={{ popup: { root: "pick-popup" } }}
      showSearch={{
        onSearch: setTyped,
        filterOption: (text, option) => isFound(text, option),
      }}
      onChange={(v: string) => {
        setTyped("");
        props.onChange(v);
      }}
      options={options}
      optionRender={(o) => (
        <ChoiceRow
          label={o.data.label}
          raw={o.data.raw}
          note={
            o.data.count >= 0 && (
              <small title={t("condition.volume", { n: format.num(o.data.count) })}>
                {format.compact(o.data.count)}
              </small>
            )
          }
        />
      )}
      notFoundContent={<span className="muted">{t("condition.noEvents")}</span>}
    />
  );
}

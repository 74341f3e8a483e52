import { Select } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { starredFirst, useNames } from "@/lib/displayNames";
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
    const shown = (name: string) => names.shown("event", name) ?? labels.event(name);
    const known = starredFirst(events.items, (e) => names.of("event", e.event))
      .filter((e) => e.event === props.value || !names.of("event", e.event)?.hidden)
      .map((e) => ({
        value: e.event,
        label: shown(e.event),
        words: names.words("event", e.event),
        count: e.count,
      }));
    if (props.any) known.unshift({ value: "*", label: t("condition.anyEvent"), words: "", count: -1 });
    const name = typed.trim();
    const extra = [...new Set([props.value, name])].filter(
      (v) => v !== "" && !known.some((k) => k.value === v || k.label === v),
    );
    return [
      ...known,
      ...extra.map((v) => ({ value: v, label: shown(v), words: names.words("event", v), count: -1 })),
    ];
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
        filterOption: (text, option) =>
          `${option?.label ?? ""} ${option?.words ?? ""} ${option?.value ?? ""}`
            .toLowerCase()
            .includes(text.trim().toLowerCase()),
      }}
      onChange={(v: string) => {
        setTyped("");
        props.onChange(v);
      }}
      options={options}
      optionRender={(o) => (
        <span className="pick-option">
          <span className="ellipsis">{o.data.label}</span>
          {o.data.count >= 0 && (
            <small title={t("condition.volume", { n: format.num(o.data.count) })}>
              {format.compact(o.data.count)}
            </small>
          )}
        </span>
      )}
      notFoundContent={<span className="muted">{t("condition.noEvents")}</span>}
    />
  );
}

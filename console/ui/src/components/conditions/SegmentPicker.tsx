import { useQuery } from "@tanstack/react-query";
import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { segmentsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { useFresh } from "@/lib/useFresh";
import "./conditions.css";

/** A segment by name, with its size. */
export function SegmentPicker(props: {
  value: string | undefined;
  onChange: (id: string | undefined) => void;
  label: string;
  /** It was just added: opens with the keyboard in it. */
  fresh?: boolean;
  placeholder?: string;
  /** Not offered: a segment cannot refer to itself. */
  except?: string;
  allowClear?: boolean;
}) {
  const opening = useFresh(props.fresh);
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(segmentsQuery);
  const items = (query.data?.items ?? []).filter((s) => s.id !== props.except);
  const options = items.map((s) => ({ value: s.id, label: s.name, members: s.members }));
  if (props.value && query.data && !items.some((s) => s.id === props.value))
    options.push({ value: props.value, label: props.value, members: 0 });
  return (
    <Select
      className="pick"
      aria-label={props.label}
      value={query.data ? props.value || null : null}
      placeholder={props.placeholder ?? t("condition.segment")}
      allowClear={props.allowClear ?? false}
      loading={query.isPending}
      {...opening}
      popupMatchSelectWidth={false}
      classNames={{ popup: { root: "pick-popup" } }}
      showSearch={{ optionFilterProp: "label" }}
      onChange={(id: string | undefined) => props.onChange(id)}
      options={options}
      optionRender={(o) => (
        <span className="pick-option">
          <span className="ellipsis">{o.data.label}</span>
          <small>{format.compact(o.data.members)}</small>
        </span>
      )}
      notFoundContent={<span className="muted">{t("condition.noSegments")}</span>}
    />
  );
}

import { Button, Select } from "antd";
import { useTranslation } from "react-i18next";
import { SegmentPicker } from "@/components/conditions/SegmentPicker";
import { useLabels } from "@/lib/labels";
import { activeWithin, type PeopleSearch } from "./search";

const kinds = [
  "user_id",
  "phone",
  "email",
  "unionid",
  "openid",
  "device_id",
  "anonymous_id",
  "vin",
  "plate",
] as const;
const channels = [
  "web",
  "app",
  "mini_program",
  "official_account",
  "community",
  "store",
  "call_center",
  "server",
  "device",
  "import",
] as const;

/** What the list of people is narrowed to, in one bar. */
export function PeopleFilters(props: {
  search: PeopleSearch;
  onChange: (change: Partial<Record<keyof PeopleSearch, string | undefined>>) => void;
  onClear?: () => void;
}) {
  const { t } = useTranslation();
  const labels = useLabels();
  const { search } = props;
  const pick = (
    key: "who" | "kind" | "channel" | "active",
    label: string,
    options: { value: string; label: string }[],
  ) => {
    const value = search[key];
    // A link may name what this list does not.
    const all =
      value && !options.some((o) => o.value === value) ? [...options, { value, label: value }] : options;
    return (
      <Select
        className="pick"
        aria-label={label}
        placeholder={label}
        allowClear
        value={value ?? null}
        popupMatchSelectWidth={false}
        onChange={(v?: string) => props.onChange({ [key]: v })}
        options={all}
      />
    );
  };
  return (
    <div className="people-narrow">
      {pick("who", t("people.filter.who"), [
        { value: "known", label: t("people.known") },
        { value: "visitor", label: t("people.anonymous") },
      ])}
      <SegmentPicker
        value={search.segment}
        label={t("people.filter.segment")}
        placeholder={t("people.filter.segment")}
        allowClear
        onChange={(segment) => props.onChange({ segment })}
      />
      {pick(
        "kind",
        t("people.filter.kind"),
        kinds.map((value) => ({ value, label: labels.identifierKind(value) })),
      )}
      {pick(
        "channel",
        t("people.filter.channel"),
        channels.map((value) => ({ value, label: labels.channel(value) })),
      )}
      {pick(
        "active",
        t("people.filter.active"),
        activeWithin.map((value) => ({ value, label: t(`people.filter.within.${value}`) })),
      )}
      {props.onClear && (
        <Button type="text" size="small" onClick={props.onClear}>
          {t("people.clear")}
        </Button>
      )}
    </div>
  );
}

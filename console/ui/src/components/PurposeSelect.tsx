import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { usePurposes } from "@/lib/usePurposes";

/** Which purpose of consent something serves; "" is that of its use. Nothing is shown while there is no policy. */
export function PurposeSelect(props: {
  id?: string;
  value?: string;
  onChange?: (purpose: string) => void;
  use: "act" | "share" | "analyse";
  /** What holds before that of the use: a segment's own. */
  usual?: string | undefined;
}) {
  const { t } = useTranslation();
  const { policy, nameOf } = usePurposes();
  const usual = props.usual || policy?.uses?.[props.use];
  const known = policy?.purposes ?? [];
  const lost = props.value && !known.some((u) => u.key === props.value);
  return (
    <Select
      id={props.id}
      aria-label={t("consent.purpose")}
      style={{ width: "100%" }}
      value={props.value ?? ""}
      onChange={props.onChange}
      status={lost ? "error" : undefined}
      options={[
        { value: "", label: t("consent.usual", { name: usual ? nameOf(usual) : t("consent.nobody") }) },
        ...known.map((u) => ({ value: u.key, label: nameOf(u.key) })),
        ...(lost ? [{ value: props.value, label: t("consent.lost", { key: props.value }) }] : []),
      ]}
    />
  );
}

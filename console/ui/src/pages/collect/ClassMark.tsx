import { Select } from "antd";
import { useTranslation } from "react-i18next";
import type { CatalogueEntry } from "@/api/types";
import { Pill } from "@/components/Pill";
import { classes } from "./search";

/** What personal data a field holds. */
export function ClassMark({ entry }: { entry: CatalogueEntry | undefined }) {
  const { t } = useTranslation();
  if (!entry?.class) return null;
  if (entry.class === "none") return <span className="muted">{t("collect.catalogue.classes.none")}</span>;
  return <Pill tone="warn">{t(`collect.catalogue.classes.${entry.class}`)}</Pill>;
}

export function ClassFilter(props: {
  value: (typeof classes)[number] | undefined;
  onChange: (value: (typeof classes)[number] | undefined) => void;
}) {
  const { t } = useTranslation();
  return (
    <Select
      className="class-filter"
      aria-label={t("collect.catalogue.class")}
      placeholder={t("collect.catalogue.anyClass")}
      allowClear
      value={props.value ?? null}
      onChange={(c) => props.onChange(c ?? undefined)}
      options={classes.map((c) => ({ value: c, label: t(`collect.catalogue.classes.${c}`) }))}
    />
  );
}

/** What people have said of an event. */
export function EntryFacts({ entry }: { entry: CatalogueEntry | undefined }) {
  const { t } = useTranslation();
  if (!entry?.description && !entry?.owner) return null;
  return (
    <section>
      {entry.description && <p>{entry.description}</p>}
      {entry.owner && (
        <p className="muted">
          {t("collect.catalogue.owner")}: {entry.owner}
        </p>
      )}
    </section>
  );
}

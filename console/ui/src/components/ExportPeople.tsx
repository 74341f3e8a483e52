import { useQuery } from "@tanstack/react-query";
import { App, Button, Popover, Select } from "antd";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data } from "@/api/client";
import { catalogueTraitsQuery } from "@/api/queries";
import type { Person, PersonSummary } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type CsvColumn, csvTime, downloadCsv, identifierColumns, tableCsv } from "@/lib/csv";
import { choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import { ChoiceRow } from "./Named";
import { errorText } from "./states";

type Row = PersonSummary & { entered_at?: string };

/** How many people are read at once for their traits. */
const together = 6;

/** Saves a whole list of people as a CSV file: names and times as the reader sees them, a column for each kind of identifier and each chosen trait. */
export function ExportPeople(props: {
  name: string;
  label: string;
  /** A page of the list, from a cursor on. */
  load: (cursor: string) => Promise<{ items: Row[]; next_cursor: string }>;
  limit: number;
  disabled?: boolean;
  text?: boolean;
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const format = useFormat();
  const labels = useLabels();
  const names = useNames();
  const may = useMay("people:export");
  const [open, setOpen] = useState(false);
  const [traits, setTraits] = useState<string[]>([]);
  const [done, setDone] = useState<number | null>(null);
  const known = useQuery({ ...catalogueTraitsQuery, enabled: open }).data?.items;

  async function exportAll() {
    setOpen(false);
    const rows: Row[] = [];
    try {
      let cursor = "";
      do {
        setDone(rows.length);
        const page = await props.load(cursor);
        rows.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && rows.length < props.limit);
      const whole = traits.length > 0 ? await readPersons(rows, setDone) : new Map<string, Person>();
      const people = rows.map((p) => ({ ...p, identifiers: whole.get(p.id)?.identifiers ?? p.identifiers }));
      const time = (title: string, of: (p: Row) => unknown): CsvColumn<Row> => ({
        title,
        value: (p) => csvTime(of(p), format.timeZone),
      });
      const columns: CsvColumn<Row>[] = [
        { title: t("people.id"), value: (p) => p.id },
        { title: t("people.name"), value: (p) => p.name },
        ...(people.some((p) => p.entered_at) ? [time(t("segments.entered"), (p) => p.entered_at)] : []),
        ...identifierColumns(people, labels.identifierKind),
        { title: t("people.channels"), value: (p) => p.channels.map(labels.channel).join("; ") },
        { title: t("people.city"), value: (p) => p.city },
        { title: t("people.events"), value: (p) => p.events },
        time(t("people.firstSeen"), (p) => p.first_seen),
        time(t("people.lastSeen"), (p) => p.last_seen),
        ...traits.map((trait) => ({ title: trait, value: (p: Row) => whole.get(p.id)?.traits[trait] })),
      ];
      downloadCsv(props.name, tableCsv(columns, people));
      if (cursor) message.warning(t("behind.cut", { n: format.num(rows.length) }));
    } catch (e) {
      message.error(errorText(e));
    } finally {
      setDone(null);
    }
  }

  return (
    <Popover
      trigger="click"
      placement="bottomRight"
      open={open}
      onOpenChange={(next) => setOpen(next && done === null)}
      content={
        <div className="export-form">
          <p id="export-traits">{t("behind.traits")}</p>
          <Select
            mode="multiple"
            aria-labelledby="export-traits"
            aria-label={t("behind.traits")}
            placeholder={t("behind.traitsNone")}
            value={traits}
            onChange={setTraits}
            options={choicesOf(names, "trait", known ?? [], (x) => x.trait, traits, labels.trait)}
            optionRender={(o) => <ChoiceRow label={o.data.label} raw={o.data.raw} />}
            showSearch={{ filterOption: (text, option) => isFound(text, option) }}
            notFoundContent={<span className="muted">{t("behind.traitsEmpty")}</span>}
          />
          <p className="muted">
            {t(traits.length > 0 ? "behind.traitsHint" : "behind.exportHint", { zone: format.timeZone })}
          </p>
          <Button type="primary" onClick={() => void exportAll()}>
            {t("behind.export")}
          </Button>
        </div>
      }
    >
      <Button
        {...(props.text ? { type: "text" as const } : {})}
        icon={<Download size={props.text ? 15 : 14} />}
        loading={done !== null}
        disabled={(props.disabled ?? false) || !may}
        title={may ? undefined : t("table.exportNot")}
      >
        {done ? t("behind.exporting", { n: format.num(done) }) : props.label}
      </Button>
    </Popover>
  );
}

/** The whole persons of a list; one who was merged away meanwhile is left out. */
async function readPersons(
  rows: readonly Row[],
  progress: (n: number) => void,
): Promise<Map<string, Person>> {
  const out = new Map<string, Person>();
  for (let i = 0; i < rows.length; i += together) {
    progress(i);
    const some = rows.slice(i, i + together).map(async (row) => {
      try {
        const path = { ref: row.id };
        out.set(row.id, await data(api.GET("/api/v1/persons/{ref}", { params: { path } })));
      } catch (e) {
        // Who was merged away or deleted meanwhile has no traits of their own; anything else is an error.
        if (!(e instanceof ApiError && e.status === 404)) throw e;
      }
    });
    await Promise.all(some);
  }
  return out;
}

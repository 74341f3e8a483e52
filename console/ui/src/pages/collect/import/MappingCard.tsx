import { AutoComplete, Button, Input, Popover, Segmented, Select } from "antd";
import { Braces, ListTree, Plus, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FileGuess } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ColumnTable } from "./ColumnTable";
import {
  addComputed,
  type CallType,
  callType,
  callTypes,
  computedOf,
  dropField,
  eventName,
  type Mapping,
  setTime,
  setType,
  timeOf,
} from "./mapping";

const layouts = [
  "iso8601",
  "unix",
  "unix_ms",
  "2006-01-02 15:04:05",
  "2006-01-02",
  "2006/01/02 15:04:05",
  "2006/1/2",
  "20060102",
  "02/01/2006 15:04",
  "01/02/2006 15:04",
];
const zones = Intl.supportedValuesOf("timeZone").map((z) => ({ value: z }));

/** What the columns are: as a form, or as the text that both the form and the command line read. */
export function MappingCard(props: {
  guess: FileGuess;
  mapping: Mapping;
  onMapping: (m: Mapping) => void;
  view: "form" | "yaml";
  onView: (v: "form" | "yaml") => void;
  yaml: string;
  onYaml: (text: string) => void;
  actions: ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("importFile.mapping.title")}{" "}
          <small>
            {t("importFile.mapping.columns", {
              count: props.guess.columns.length,
              n: format.num(props.guess.columns.length),
            })}
          </small>
        </h2>
        {props.actions}
        <Segmented
          size="small"
          value={props.view}
          onChange={props.onView}
          options={[
            { value: "form", label: t("importFile.mapping.form"), icon: <ListTree size={13} /> },
            { value: "yaml", label: t("importFile.mapping.yaml"), icon: <Braces size={13} /> },
          ]}
        />
      </div>
      {props.view === "yaml" ? (
        <div className="card-pad stack">
          <p className="muted">{t("importFile.mapping.yamlHint")}</p>
          <Input.TextArea
            className="mono yaml-text"
            aria-label={t("importFile.mapping.yaml")}
            autoSize={{ minRows: 12, maxRows: 32 }}
            spellCheck={false}
            value={props.yaml}
            onChange={(e) => props.onYaml(e.target.value)}
          />
        </div>
      ) : (
        <>
          <EventSettings {...props} />
          <ColumnTable guess={props.guess} mapping={props.mapping} onMapping={props.onMapping} />
          <ComputedFields {...props} />
        </>
      )}
    </section>
  );
}

interface Part {
  guess: FileGuess;
  mapping: Mapping;
  onMapping: (m: Mapping) => void;
}

/** What concerns the whole row: type, event name, time. */
function EventSettings({ guess, mapping, onMapping }: Part) {
  const { t } = useTranslation();
  const type = callType(mapping);
  const columns = guess.columns.map((c) => ({ value: c.name, label: c.name }));
  const name = eventName(mapping);
  const column = (mapping.event as { column?: string } | undefined)?.column;
  const time = timeOf(mapping);
  return (
    <div className="event-settings">
      <Field label={t("importFile.mapping.row")}>
        <Select<CallType>
          aria-label={t("importFile.mapping.row")}
          value={type}
          options={callTypes.map((v) => ({ value: v, label: t(`importFile.mapping.${v}`) }))}
          onChange={(v) => onMapping(setType(mapping, v, "Imported"))}
        />
      </Field>
      {type === "track" && (
        <Field label={t("importFile.mapping.eventName")}>
          {column ? (
            <Select
              aria-label={t("importFile.mapping.eventName")}
              value={column}
              options={[
                { value: "", label: t("importFile.mapping.constant") },
                ...columns.map((c) => ({
                  value: c.value,
                  label: t("importFile.mapping.fromColumn", { column: c.label }),
                })),
              ]}
              onChange={(v: string) =>
                onMapping({ ...mapping, event: v === "" ? "Imported" : { column: v } })
              }
            />
          ) : (
            <Input
              aria-label={t("importFile.mapping.eventName")}
              value={name ?? ""}
              status={name ? "" : "error"}
              onChange={(e) => onMapping({ ...mapping, event: e.target.value })}
            />
          )}
        </Field>
      )}
      <Field label={t("importFile.mapping.time")}>
        <Select
          aria-label={t("importFile.mapping.time")}
          showSearch
          value={time.column ?? (time.constant !== undefined ? "" : undefined)}
          placeholder={t("importFile.mapping.noTime")}
          options={[...columns, { value: "", label: t("importFile.mapping.fixedTime") }]}
          onChange={(v: string) =>
            onMapping(
              v === ""
                ? { ...mapping, time: { constant: new Date().toISOString().slice(0, 10) } }
                : { ...mapping, time: { column: v, ...(time.zone ? { zone: time.zone } : {}) } },
            )
          }
        />
      </Field>
      {time.constant !== undefined ? (
        <Field label={t("importFile.mapping.fixedTime")}>
          <Input
            aria-label={t("importFile.mapping.fixedTime")}
            value={time.constant}
            onChange={(e) => onMapping(setTime(mapping, { constant: e.target.value }))}
          />
        </Field>
      ) : (
        <Field label={t("importFile.mapping.layout")}>
          <AutoComplete
            aria-label={t("importFile.mapping.layout")}
            value={time.layout ?? ""}
            placeholder={t("importFile.format.auto")}
            allowClear
            options={layouts.map((v) => ({ value: v }))}
            onChange={(v?: string) => onMapping(setTime(mapping, { layout: v ?? "" }))}
          />
        </Field>
      )}
      <Field label={t("importFile.mapping.zone")}>
        <AutoComplete
          aria-label={t("importFile.mapping.zone")}
          value={time.zone ?? ""}
          placeholder="UTC"
          allowClear
          options={zones}
          showSearch={{
            filterOption: (text, o) => String(o?.value).toLowerCase().includes(text.toLowerCase()),
          }}
          onChange={(v?: string) => onMapping(setTime(mapping, { zone: v ?? "" }))}
        />
      </Field>
    </div>
  );
}

function Field({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="import-field">
      <span className="muted">{label}</span>
      {children}
    </div>
  );
}

/** Fields that no single column makes. */
function ComputedFields({ guess, mapping, onMapping }: Part) {
  const { t } = useTranslation();
  return (
    <div className="computed">
      <b>{t("importFile.mapping.computed")}</b>
      {computedOf(mapping).map((c) => (
        <span key={c.name} className="computed-field">
          {c.multiply
            ? t("importFile.mapping.product", { name: c.name, factors: c.multiply.join(" × ") })
            : t("importFile.mapping.always", { name: c.name, value: c.constant ?? "" })}
          <button
            type="button"
            aria-label={t("importFile.mapping.dropField", { name: c.name })}
            onClick={() => onMapping(dropField(mapping, c.name))}
          >
            <X size={12} />
          </button>
        </span>
      ))}
      <AddField
        kind="product"
        guess={guess}
        onAdd={(name, multiply) => onMapping(addComputed(mapping, { name, multiply }))}
      />
      <AddField
        kind="constant"
        guess={guess}
        onAdd={(name, [constant = ""]) => onMapping(addComputed(mapping, { name, constant }))}
      />
    </div>
  );
}

function AddField(props: {
  kind: "product" | "constant";
  guess: FileGuess;
  onAdd: (name: string, values: string[]) => void;
}) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [values, setValues] = useState<string[]>([]);
  const product = props.kind === "product";
  const ready = name.trim() !== "" && (product ? values.length >= 2 : (values[0] ?? "") !== "");
  const add = () => {
    if (!ready) return;
    props.onAdd(name.trim(), values);
    setOpen(false);
    setName("");
    setValues([]);
  };
  const numbers = props.guess.columns.filter((c) => c.type === "number" || c.type === "string");
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      trigger="click"
      placement="topLeft"
      content={
        <div className="stack add-field">
          <Field label={t("importFile.mapping.fieldName")}>
            <Input
              autoFocus
              aria-label={t("importFile.mapping.fieldName")}
              value={name}
              onChange={(e) => setName(e.target.value)}
              onPressEnter={add}
            />
          </Field>
          {product ? (
            <Field label={t("importFile.mapping.factors")}>
              <Select
                mode="multiple"
                aria-label={t("importFile.mapping.factors")}
                value={values}
                options={numbers.map((c) => ({ value: c.name, label: c.name }))}
                onChange={setValues}
              />
            </Field>
          ) : (
            <Field label={t("importFile.mapping.value")}>
              <Input
                aria-label={t("importFile.mapping.value")}
                value={values[0] ?? ""}
                onChange={(e) => setValues([e.target.value])}
                onPressEnter={add}
              />
            </Field>
          )}
          <Button type="primary" disabled={!ready} onClick={add}>
            {t("importFile.mapping.add")}
          </Button>
        </div>
      }
    >
      <Button size="small" icon={<Plus size={13} />}>
        {product ? t("importFile.mapping.addProduct") : t("importFile.mapping.addConstant")}
      </Button>
    </Popover>
  );
}

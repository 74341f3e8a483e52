import { Button, Checkbox, Input, InputNumber, Select } from "antd";
import { ChevronDown, ChevronRight, Plus, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Use } from "@/api/types";
import { useConfirm } from "@/components/ConfirmButton";
import { Pill } from "@/components/Pill";
import { askUses, Uses } from "@/components/Uses";
import { formatJson, readNumber } from "@/lib/json";
import type { PlanAction } from "./queries";
import {
  addProperty,
  concerns,
  freeName,
  isAbout,
  type Path,
  propertiesOf,
  type Row,
  removeProperty,
  renameProperty,
  rowsOf,
  type Schema,
  schemaAt,
  setKeywords,
  setRequired,
  setTypes,
  types,
  typesOf,
} from "./schema";
import { usePlanWords } from "./words";

interface Props {
  event: string;
  schema: Schema;
  may: boolean;
  fault: string | undefined;
  onChange: (next: Schema) => void;
}

/** The properties of an event as lines; what is inside of objects and lists is indented. */
export function PropertyRows(props: Props) {
  const { t } = useTranslation();
  const { schema, may, onChange } = props;
  const [open, setOpen] = useState<string>();
  const list = useRef<HTMLUListElement>(null);
  const rows = rowsOf(schema);
  const add = (parent: Path) => {
    const taken = propertiesOf(schemaAt(schema, parent)).map(([n]) => n);
    onChange(addProperty(schema, parent, freeName(taken, "property")));
    // Typing goes on in the new line.
    requestAnimationFrame(() => {
      const names = list.current?.querySelectorAll<HTMLInputElement>("[data-parent]") ?? [];
      const mine = [...names].filter((n) => n.dataset.parent === formatJson(parent)).at(-1);
      mine?.focus();
      mine?.select();
    });
  };
  return (
    <div className="plan-properties">
      <ul ref={list} aria-label={t("plans.properties")}>
        {rows.map((row) => (
          <Line
            key={row.name === undefined ? `${row.text}*` : formatJson([row.path.length, placeKey(rows, row)])}
            {...props}
            row={row}
            open={open === row.text}
            onOpen={() => setOpen(open === row.text ? undefined : row.text)}
            onRenamed={(text) => open === row.text && setOpen(text)}
            onAdd={() => add(row.path)}
          />
        ))}
      </ul>
      {rows.length === 0 && <p className="muted">{t("plans.noPropertiesYet")}</p>}
      {may && (
        <Button size="small" icon={<Plus size={13} />} onClick={() => add([])}>
          {t("plans.addProperty")}
        </Button>
      )}
    </div>
  );
}

/** Plans name properties, and what is usual is learnt of each that comes: neither is a reason to keep one. */
const outside = (u: Use) => u.kind !== "plan" && u.kind !== "expectation";

// A line keeps its fields while its name is typed: its place among all lines does not change by that.
const placeKey = (rows: readonly Row[], row: Row) => rows.indexOf(row);

interface LineProps extends Props {
  row: Row;
  open: boolean;
  onOpen: () => void;
  onRenamed: (text: string) => void;
  onAdd: () => void;
}

function Line(props: LineProps) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const { row, schema, may, onChange, open } = props;
  const of = typesOf(row.schema);
  const fault =
    props.fault && isAbout(props.fault, `${props.event} → ${row.place}`) ? props.fault : undefined;
  const confirm = useConfirm();
  const remove = async () => {
    const run = async () => onChange(removeProperty(schema, row.path));
    const asked = { sort: "property", event: props.event, name: row.text } as const;
    const answer = await askUses(asked).catch(() => undefined); // a draft can be changed without it
    if (!answer?.uses.some(outside)) return run();
    confirm({
      title: t("lineage.removeTitle", { name: row.text }),
      text: (
        <>
          <p>{t("lineage.removeHint")}</p>
          <Uses asked={asked} without={(u) => !outside(u)} />
        </>
      ),
      ok: t("plans.removeProperty", { name: row.text }),
      danger: true,
      run,
    });
  };
  const holds = of.includes("object") || propertiesOf(row.schema).length > 0;
  return (
    <li data-fault={fault !== undefined || undefined} data-path={row.text}>
      <div className="plan-line" style={{ paddingInlineStart: row.depth * 20 }}>
        <Button
          type="text"
          size="small"
          aria-expanded={open}
          aria-label={t("plans.details", { name: row.text })}
          icon={open ? <ChevronDown size={14} /> : <ChevronRight size={14} />}
          onClick={props.onOpen}
        />
        {row.name === undefined ? (
          <span className="plan-elements">{t("plans.elements")}</span>
        ) : (
          <PropertyName {...props} name={row.name} />
        )}
        <Select
          mode="multiple"
          size="small"
          className="plan-types"
          aria-label={t("plans.typeOf", { name: row.text })}
          value={[...of]}
          disabled={!may}
          placeholder={t("plans.anyType")}
          onChange={(next: string[]) => onChange(setTypes(schema, row.path, next))}
          options={types.map((n) => ({ value: n, label: words.type(n) }))}
        />
        {row.name === undefined ? (
          <span />
        ) : (
          <Checkbox
            checked={row.required}
            disabled={!may}
            onChange={(e) => onChange(setRequired(schema, row.path, e.target.checked))}
          >
            {t("plans.required")}
          </Checkbox>
        )}
        <span className="plan-summary ellipsis">
          <Summary schema={row.schema} />
        </span>
        {may && holds && (
          <Button
            type="text"
            size="small"
            icon={<Plus size={14} />}
            aria-label={t("plans.addInside", { name: row.text })}
            title={t("plans.addInside", { name: row.text })}
            onClick={props.onAdd}
          />
        )}
        {may && row.name !== undefined && (
          <Button
            type="text"
            size="small"
            icon={<Trash2 size={14} />}
            aria-label={t("plans.removeProperty", { name: row.text })}
            title={t("plans.removeProperty", { name: row.text })}
            onClick={() => void remove()}
          />
        )}
      </div>
      {fault && (
        <p className="field-error plan-line-fault" role="alert">
          {fault}
        </p>
      )}
      {open && (
        <div className="plan-details" style={{ marginInlineStart: row.depth * 20 + 28 }}>
          <Details {...props} of={of} />
        </div>
      )}
    </li>
  );
}

function PropertyName(props: LineProps & { name: string }) {
  const { t } = useTranslation();
  const { row, name, schema, may } = props;
  const [text, setText] = useState(name);
  const [was, setWas] = useState(name);
  if (was !== name) {
    setWas(name);
    setText(name);
  }
  const next = text === name ? schema : renameProperty(schema, row.path, text.trim());
  const settle = () => {
    if (next === undefined) setText(name);
    else if (next !== schema) {
      const parent = row.text.slice(0, row.text.length - name.length);
      props.onRenamed(parent + text.trim());
      props.onChange(next);
    }
  };
  return (
    <Input
      size="small"
      className="mono"
      aria-label={t("plans.nameOf", { name: row.text })}
      data-parent={formatJson(row.path.slice(0, -1))}
      value={text}
      disabled={!may}
      status={next === undefined ? "error" : ""}
      title={next === undefined ? t("plans.nameTaken") : undefined}
      onChange={(e) => setText(e.target.value)}
      onBlur={settle}
      onPressEnter={settle}
    />
  );
}

/** What is asked of values beside their type, in one line. */
function Summary({ schema }: { schema: Schema }) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const parts: string[] = [];
  const say = (key: string) => {
    const v = schema[key];
    if (v !== undefined) parts.push(`${words.keyword(key)} ${typeof v === "string" ? v : formatJson(v)}`);
  };
  if (Array.isArray(schema.enum))
    parts.push(schema.enum.map((v) => (typeof v === "string" ? v : formatJson(v))).join(" | "));
  for (const key of ["const", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "format"])
    say(key);
  for (const key of ["pattern", "minLength", "maxLength", "minItems", "maxItems"]) say(key);
  if (typeof schema["x-unit"] === "string") parts.push(schema["x-unit"]);
  if (schema.additionalProperties === false) parts.push(t("plans.noOthers"));
  const action = schema["x-action"];
  const text = parts.join(" · ");
  return (
    <>
      {typeof action === "string" && (
        <>
          <Pill>{words.action(action)}</Pill>{" "}
        </>
      )}
      <span className="muted" title={text}>
        {text || (typeof schema.description === "string" ? schema.description : "")}
      </span>
    </>
  );
}

const formats = ["date-time", "date", "time", "email", "uri", "uuid", "ipv4", "ipv6"] as const;
const actions: readonly PlanAction[] = ["allow", "coerce", "drop", "quarantine", "reject"];

/** Everything that a plan can ask of a value of these types. */
function Details({ row, schema, may, onChange, of }: LineProps & { of: readonly string[] }) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const s = row.schema;
  const set = (keywords: Schema) => onChange(setKeywords(schema, row.path, keywords));
  const textOf = (key: string, wide = false) => (
    <div key={key} className={wide ? "plan-field plan-wide" : "plan-field"}>
      <span>{words.keyword(key)}</span>
      <Input
        size="small"
        aria-label={words.keyword(key)}
        className={key === "pattern" ? "mono" : undefined}
        value={typeof s[key] === "string" ? s[key] : ""}
        disabled={!may}
        onChange={(e) => set({ [key]: e.target.value === "" ? undefined : e.target.value })}
      />
    </div>
  );
  const figure = (key: string, whole = false) =>
    concerns(key, of) &&
    of.length > 0 && (
      <div key={key} className="plan-field">
        <span>{words.keyword(key)}</span>
        <InputNumber
          size="small"
          aria-label={words.keyword(key)}
          value={typeof s[key] === "number" ? s[key] : null}
          disabled={!may}
          {...(whole ? { min: 0, precision: 0 } : {})}
          onChange={(v) => set({ [key]: v ?? undefined })}
        />
      </div>
    );
  return (
    <div className="plan-details-grid">
      {textOf("description", true)}
      {(of.length === 0 || of.some((n) => n !== "object" && n !== "array")) && (
        <Values value={s.enum} may={may} of={of} onChange={set} />
      )}
      {["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].map((k) => figure(k))}
      {["minLength", "maxLength", "minItems", "maxItems"].map((k) => figure(k, true))}
      {of.includes("string") && textOf("pattern", true)}
      {of.includes("string") && (
        <div className="plan-field">
          <span>{words.keyword("format")}</span>
          <Select
            size="small"
            allowClear
            aria-label={words.keyword("format")}
            value={typeof s.format === "string" ? s.format : null}
            disabled={!may}
            placeholder="–"
            onChange={(v: string | undefined) => set({ format: v ?? undefined })}
            options={formats.map((f) => ({ value: f, label: f }))}
          />
        </div>
      )}
      {textOf("x-unit")}
      <div className="plan-field">
        <span>{t("plans.ownAction")}</span>
        <Select
          size="small"
          aria-label={t("plans.ownAction")}
          value={typeof s["x-action"] === "string" ? s["x-action"] : ""}
          disabled={!may}
          onChange={(v: string) => set({ "x-action": v === "" ? undefined : v })}
          options={[
            { value: "", label: t("plans.asPlan") },
            ...actions.map((a) => ({ value: a, label: words.action(a) })),
          ]}
        />
      </div>
      {of.includes("object") && (
        <Checkbox
          className="plan-wide"
          checked={s.additionalProperties === false}
          disabled={!may}
          onChange={(e) => set({ additionalProperties: e.target.checked ? false : undefined })}
        >
          {t("plans.closedInside")}
        </Checkbox>
      )}
    </div>
  );
}

/** Allowed values. What reads as a number or a truth value is one where the types have such. */
function Values(props: {
  value: unknown;
  may: boolean;
  of: readonly string[];
  onChange: (keywords: Schema) => void;
}) {
  const words = usePlanWords();
  const list = Array.isArray(props.value) ? props.value : [];
  const read = (text: string): unknown => {
    const same = list.find((v) => (typeof v === "string" ? v : formatJson(v)) === text);
    if (same !== undefined) return same;
    if (props.of.includes("boolean") && (text === "true" || text === "false")) return text === "true";
    if (!props.of.some((n) => n === "number" || n === "integer")) return text;
    return readNumber(text) ?? text;
  };
  return (
    <div className="plan-field plan-wide">
      <span>{words.keyword("enum")}</span>
      <Select
        mode="tags"
        size="small"
        aria-label={words.keyword("enum")}
        value={list.map((v) => (typeof v === "string" ? v : formatJson(v)))}
        disabled={!props.may}
        open={false}
        suffixIcon={null}
        tokenSeparators={[",", "，", "\n"]}
        onChange={(next: string[]) =>
          props.onChange({ enum: next.length === 0 ? undefined : next.map(read) })
        }
      />
    </div>
  );
}

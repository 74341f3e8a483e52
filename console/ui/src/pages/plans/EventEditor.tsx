import { Alert, Button, Input, Switch, Tabs } from "antd";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { formatJson, parseJson, stableJson } from "@/lib/json";
import { useUnsaved } from "@/lib/useUnsaved";
import { PropertyRows } from "./PropertyRows";
import type { PlannedEvent } from "./queries";
import { isSchema, type Schema } from "./schema";

/** One event of a draft. What is typed is in the draft at once; the page saves it. */
export function EventEditor(props: {
  event: PlannedEvent;
  /** Names of all events of the plan. */
  taken: readonly string[];
  may: boolean;
  /** What the server said about this event. */
  fault: string | undefined;
  onChange: (next: PlannedEvent) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  const { event, may, onChange } = props;
  const schema: Schema = isSchema(event.schema) ? event.schema : {};
  const setSchema = (next: Schema | null) => onChange({ ...event, schema: next });
  return (
    <div className="stack">
      {props.fault && <Alert type="error" showIcon title={props.fault} role="alert" />}
      <div className="plan-event-facts">
        <Name event={event} taken={props.taken} may={may} onName={(name) => onChange({ ...event, name })} />
        <Words label={t("plans.displayName")} of="display_name" {...props} />
        <Words label={t("plans.owner")} of="owner" {...props} />
        <Words label={t("plans.description")} of="description" long {...props} />
      </div>
      <Tabs
        destroyOnHidden
        items={[
          {
            key: "form",
            label: t("plans.properties"),
            children: (
              <div className="stack">
                <div className="row">
                  <Switch
                    size="small"
                    id="plan-closed"
                    checked={schema.additionalProperties === false}
                    disabled={!may}
                    onChange={(closed) => {
                      const { additionalProperties: _, ...rest } = schema;
                      setSchema(closed ? { ...rest, additionalProperties: false } : rest);
                    }}
                  />
                  <label htmlFor="plan-closed">{t("plans.closed")}</label>
                  <span className="muted">{t("plans.closedHint")}</span>
                </div>
                <PropertyRows
                  event={event.name}
                  schema={schema}
                  may={may}
                  fault={props.fault}
                  onChange={setSchema}
                />
              </div>
            ),
          },
          {
            key: "json",
            label: "JSON",
            children: <JsonSchema schema={event.schema ?? null} may={may} onChange={setSchema} />,
          },
        ]}
      />
      {may && (
        <div>
          <Button danger type="text" icon={<Trash2 size={14} />} onClick={props.onRemove}>
            {t("plans.removeEvent")}
          </Button>
        </div>
      )}
    </div>
  );
}

/** A name holds when the field is left: while it is typed it may be that of another event. */
function Name(props: {
  event: PlannedEvent;
  taken: readonly string[];
  may: boolean;
  onName: (name: string) => void;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(props.event.name);
  const name = text.trim();
  const taken = name !== props.event.name && props.taken.includes(name);
  const wrong = name === "" || taken;
  const settle = () => {
    if (wrong) setText(props.event.name);
    else if (name !== props.event.name) props.onName(name);
  };
  return (
    <div className="plan-field">
      <label htmlFor="plan-event-name">{t("plans.eventName")}</label>
      <Input
        id="plan-event-name"
        className="mono"
        value={text}
        maxLength={200}
        disabled={!props.may}
        status={wrong ? "error" : ""}
        onChange={(e) => setText(e.target.value)}
        onBlur={settle}
        onPressEnter={settle}
      />
      {taken && (
        <p className="field-error" role="alert">
          {t("plans.taken")}
        </p>
      )}
    </div>
  );
}

function Words(props: {
  event: PlannedEvent;
  of: "display_name" | "owner" | "description";
  label: string;
  may: boolean;
  long?: boolean;
  onChange: (next: PlannedEvent) => void;
}) {
  const { event, of, may } = props;
  const field = {
    id: `plan-event-${of}`,
    value: event[of] ?? "",
    disabled: !may,
    maxLength: of === "description" ? 2000 : 200,
    onChange: (e: { target: { value: string } }) => props.onChange({ ...event, [of]: e.target.value }),
  };
  return (
    <div className={props.long ? "plan-field plan-wide" : "plan-field"}>
      <label htmlFor={field.id}>{props.label}</label>
      {props.long ? (
        <Input.TextArea {...field} autoSize={{ minRows: 1, maxRows: 6 }} />
      ) : (
        <Input {...field} />
      )}
    </div>
  );
}

/** The schema as text, for who knows JSON Schema. What cannot be read stays here, and does not reach the draft. */
function JsonSchema(props: {
  schema: PlannedEvent["schema"] | null;
  may: boolean;
  onChange: (next: Schema | null) => void;
}) {
  const { t } = useTranslation();
  const written = formatJson(props.schema, 2);
  const [text, setText] = useState(written);
  const [was, setWas] = useState(written);
  if (was !== written) {
    setWas(written);
    if (read(text).key !== stableJson(props.schema)) setText(written);
  }
  const { error } = read(text);
  useUnsaved(error !== undefined);
  return (
    <div className="plan-field">
      <Input.TextArea
        className="plan-code"
        aria-label={t("plans.json")}
        value={text}
        disabled={!props.may}
        spellCheck={false}
        autoSize={{ minRows: 12, maxRows: 30 }}
        status={error === undefined ? "" : "error"}
        onChange={(e) => {
          setText(e.target.value);
          const { value } = read(e.target.value);
          if (value !== undefined) props.onChange(value);
        }}
      />
      {error === undefined ? (
        <p className="muted">{t("plans.jsonHint")}</p>
      ) : (
        <p className="field-error" role="alert">
          {error || t("plans.notObject")}
        </p>
      )}
    </div>
  );
}

function read(text: string): { value?: Schema | null; key?: string; error?: string } {
  try {
    const value = parseJson(text);
    if (value === null) return { value, key: stableJson(null) };
    return isSchema(value) ? { value, key: stableJson(value) } : { error: "" };
  } catch (e) {
    return { error: e instanceof Error ? e.message : String(e) };
  }
}

import { Button, Select, Tooltip } from "antd";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Condition, TraitOp } from "@/api/types";
import { FieldPicker } from "./FieldPicker";
import { conditionOpsFor, convertValue, type FieldType, opGroups, useProperties } from "./fields";
import { ValueInput } from "./ValueInput";
import "./conditions.css";

interface OpOptions {
  label: string;
  options: { value: TraitOp; label: string }[];
}

/** How a value is compared. Of traits there are operators of moments, too. */
export function OpSelect<Op extends TraitOp>(props: {
  op: Op;
  type: FieldType;
  trait?: boolean;
  onChange: (op: Op) => void;
}) {
  const { t } = useTranslation();
  const groups = opGroups(props.type, props.op, props.trait);
  const option = (op: TraitOp) => ({ value: op, label: t(`condition.op.${op}`) });
  return (
    <Select<TraitOp, { value: TraitOp; label: string } | OpOptions>
      className="pick pick-op"
      aria-label={t("condition.operator")}
      value={props.op}
      onChange={(op) => props.onChange(op as Op)}
      popupMatchSelectWidth={false}
      options={groups.flatMap((g): (ReturnType<typeof option> | OpOptions)[] =>
        g.group === "usual"
          ? g.ops.map(option)
          : [{ label: t(`condition.opGroup.${g.group}`), options: g.ops.map(option) }],
      )}
    />
  );
}

/** One condition on an event: field, operator, value. */
export function ConditionRow(props: {
  events: readonly string[];
  value: Condition;
  onChange: (c: Condition) => void;
  onRemove: () => void;
  withDimensions?: boolean;
  withHouseholds?: boolean;
  fresh?: boolean;
}) {
  const { t } = useTranslation();
  const { value: c } = props;
  const { items } = useProperties(props.events);
  const type: FieldType = c.property
    ? (items.find((x) => x.property === c.property)?.type ?? "unknown")
    : c.household && c.household !== "city" && c.household !== "tag"
      ? "number"
      : "string";
  const named = props.events.filter((e) => e && e !== "*");
  return (
    <div className="condition" data-testid="condition">
      <FieldPicker
        events={props.events}
        value={c}
        withDimensions={props.withDimensions ?? false}
        withHouseholds={props.withHouseholds ?? false}
        label={t("condition.property")}
        fresh={props.fresh ?? false}
        onChange={(field) => {
          const next = field.property
            ? (items.find((x) => x.property === field.property)?.type ?? "unknown")
            : field.household && field.household !== "city" && field.household !== "tag"
              ? "number"
              : "string";
          const op = conditionOpsFor(next).includes(c.op) ? c.op : "eq";
          props.onChange({ ...field, op, value: undefined });
        }}
      />
      <OpSelect
        op={c.op}
        type={type}
        onChange={(op) => props.onChange({ ...c, op, value: convertValue(c.value, c.op, op) })}
      />
      <ValueInput
        op={c.op}
        type={type}
        value={c.value}
        onChange={(value) => props.onChange({ ...c, value })}
        of={
          c.dimension
            ? { dimension: c.dimension }
            : { ...(named.length === 1 ? { event: named[0] ?? "" } : {}), property: c.property ?? "" }
        }
      />
      <Tooltip title={t("condition.remove")}>
        <Button
          type="text"
          size="small"
          className="condition-x"
          icon={<X size={14} />}
          aria-label={t("condition.remove")}
          onClick={props.onRemove}
        />
      </Tooltip>
    </div>
  );
}

/** Conditions that must all hold, and a button for another. */
export function ConditionList(props: {
  events: readonly string[];
  value: readonly Condition[] | undefined;
  onChange: (list: Condition[] | undefined) => void;
  withDimensions?: boolean;
  withHouseholds?: boolean;
  addLabel?: string;
  /** The list was just begun: its first condition opens. */
  fresh?: boolean;
}) {
  const { t } = useTranslation();
  const list = props.value ?? [];
  const [fresh, setFresh] = useState<number | null>(props.fresh ? 0 : null);
  const set = (next: Condition[]) => props.onChange(next.length > 0 ? next : undefined);
  return (
    <div className="conditions">
      {list.map((c, i) => (
        <ConditionRow
          // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no identity but their place
          key={i}
          events={props.events}
          value={c}
          fresh={i === fresh}
          withDimensions={props.withDimensions ?? false}
          withHouseholds={props.withHouseholds ?? false}
          onChange={(next) => set(list.map((x, j) => (j === i ? next : x)))}
          onRemove={() => {
            setFresh(null);
            set(list.filter((_, j) => j !== i));
          }}
        />
      ))}
      <Button
        type="text"
        size="small"
        className="add"
        icon={<Plus size={13} />}
        onClick={() => {
          setFresh(list.length);
          set([...list, { op: "eq" }]);
        }}
      >
        {props.addLabel ?? t("condition.addFilter")}
      </Button>
    </div>
  );
}

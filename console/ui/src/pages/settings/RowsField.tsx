import { useQuery } from "@tanstack/react-query";
import { Button, Checkbox, Radio, Select, Tooltip } from "antd";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { catalogueTraitsQuery } from "@/api/queries";
import type { Rows } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ValueInput } from "@/components/conditions/ValueInput";
import { ChoiceRow } from "@/components/Named";
import { choiceOf, choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import { isWhole, maxConditions, type RowCondition, ruleOf } from "@/lib/rows";
import { usePreview } from "@/lib/usePreview";

const blank: RowCondition = { trait: "", values: [], me: false };

/** Everybody, or people for whom one of some conditions holds. A field of a form. */
export function RowsField(props: {
  value?: Rows;
  onChange?: (rows: Rows) => void;
  /** The e-mail address of the member whose own people can be meant; undefined for a key, which is nobody. */
  me?: string;
}) {
  const { t } = useTranslation();
  const rows = props.value ?? null;
  const list = rows?.any ?? [];
  const [fresh, setFresh] = useState<number | null>(null);
  const set = (any: RowCondition[]) => props.onChange?.({ any });
  return (
    <div className="rows">
      <Radio.Group
        value={rows === null ? "all" : "some"}
        onChange={(e) => {
          if (e.target.value === "all") props.onChange?.(null);
          else {
            setFresh(0);
            set([blank]);
          }
        }}
        options={[
          { value: "all", label: t("rows.everybody") },
          { value: "some", label: t("rows.some") },
        ]}
      />
      {rows !== null && (
        <div className="rows-list">
          {list.map((c, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no identity but their place
            <div className="rows-line" key={i}>
              {i > 0 && <span className="muted rows-or">{t("settings.rows.or")}</span>}
              <Condition
                value={c}
                fresh={i === fresh}
                withMe={props.me !== undefined}
                onChange={(next) => set(list.map((x, j) => (j === i ? next : x)))}
                onRemove={list.length > 1 ? () => set(list.filter((_, j) => j !== i)) : undefined}
              />
            </div>
          ))}
          <Button
            type="text"
            size="small"
            className="add"
            icon={<Plus size={13} />}
            disabled={list.length >= maxConditions}
            onClick={() => {
              setFresh(list.length);
              set([...list, blank]);
            }}
          >
            {t("settings.rows.add")}
          </Button>
          <Count rows={rows} me={props.me ?? ""} />
        </div>
      )}
    </div>
  );
}

function Condition(props: {
  value: RowCondition;
  fresh: boolean;
  withMe: boolean;
  onChange: (c: RowCondition) => void;
  onRemove: (() => void) | undefined;
}) {
  const { t } = useTranslation();
  const { value: c } = props;
  const traits = useQuery(catalogueTraitsQuery);
  const [typed, setTyped] = useState("");
  const names = useNames();
  const labels = useLabels();
  const known = choicesOf(names, "trait", traits.data?.items ?? [], (x) => x.trait, [c.trait], labels.trait);
  const own = typed.trim();
  if (own && !known.some((k) => k.value === own))
    known.push({ ...choiceOf(names, "trait", own, labels.trait), of: undefined });
  return (
    <div className="rows-condition" data-testid="row-condition">
      <div className="rows-head">
        <Select
          className="rows-trait"
          aria-label={t("settings.rows.trait")}
          placeholder={t("settings.rows.trait")}
          value={c.trait || null}
          loading={traits.isPending}
          autoFocus={props.fresh}
          showSearch={{ filterOption: (text, option) => isFound(text, option), onSearch: setTyped }}
          onChange={(trait: string) => props.onChange({ ...c, trait, values: [] })}
          options={known}
          optionRender={(o) => <ChoiceRow label={o.data.label} raw={o.data.raw} />}
        />
        {props.onRemove && (
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
        )}
      </div>
      <div className="rows-head">
        <span className="muted">{t("condition.op.in")}</span>
        <ValueInput
          op="in"
          type="string"
          value={c.values}
          of={{ trait: c.trait }}
          onChange={(values) =>
            props.onChange({ ...c, values: Array.isArray(values) ? values.map(String) : [] })
          }
        />
      </div>
      {props.withMe && (
        <Checkbox checked={c.me} onChange={(e) => props.onChange({ ...c, me: e.target.checked })}>
          {t("settings.rows.me")}
        </Checkbox>
      )}
    </div>
  );
}

/** How many people that is today. */
function Count({ rows, me }: { rows: Rows; me: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rule = ruleOf(rows, me);
  const preview = usePreview(rule);
  return (
    <p className="muted rows-count" role="status">
      {rule !== null &&
        preview.data &&
        `${t("settings.rows.count", { n: format.num(preview.data.members), of: format.num(preview.data.of) })} `}
      {t("settings.rows.hint")}
    </p>
  );
}

/** For the item of the form: every condition says whom it means. Asked when it is sent, and from then on at each change. */
export function useWholeRows() {
  const { t } = useTranslation();
  const [refused, setRefused] = useState(false);
  const validator = (_: unknown, rows: Rows | undefined) => {
    if (!rows || rows.any.every(isWhole)) return Promise.resolve();
    setRefused(true);
    return Promise.reject(new Error(t("settings.rows.incomplete")));
  };
  return { rules: [{ validator }], validateTrigger: refused ? "onChange" : "onSubmit" };
}

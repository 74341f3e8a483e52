import { Button, Segmented, Select, Tooltip } from "antd";
import {
  CircleSlash2,
  Copy,
  Dices,
  FolderPlus,
  House,
  ListOrdered,
  MousePointerClick,
  Shapes,
  Tag,
  X,
} from "lucide-react";
import { createContext, useContext, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { OpSelect } from "@/components/conditions/ConditionRow";
import { convertValue, type FieldType, opsFor, useTraitTypes } from "@/components/conditions/fields";
import { ValueInput } from "@/components/conditions/ValueInput";
import { ChoiceRow } from "@/components/Named";
import { type Choice, choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import {
  type GroupKind,
  groupOf,
  type HouseholdRole,
  type HouseholdRule,
  householdRoles,
  isEvent,
  isHousehold,
  isRandom,
  isSegment,
  isSequence,
  isTrait,
  join,
  leafComplete,
  makeGroup,
  makeHousehold,
  membersOf,
  negate,
  type PlacedWarning,
  quantifiers,
  type TraitRule,
  takesZone,
  unwrap,
  wrap,
} from "@/lib/rule";
import { useFresh } from "@/lib/useFresh";
import type { Undo } from "@/lib/useUndo";
import { EventEditor } from "./EventEditor";
import { newRandom, RandomEditor } from "./RandomEditor";
import { PartHandle, PasteHere, RuleMoves, usePartMarks } from "./RuleMoves";
import { SegmentEditor } from "./SegmentEditor";
import { SequenceEditor } from "./SequenceEditor";

export interface Remarks {
  /** How many people each condition alone would hold, by its place. */
  counts: ReadonlyMap<string, number>;
  /** What the server says about a part of the rule. */
  error: { at: string; text: string } | null;
  /** What can hardly be meant, and where. */
  warnings: readonly PlacedWarning[];
  /** The segment that is being edited. */
  self?: string;
}

const RemarksContext = createContext<Remarks>({ counts: new Map(), error: null, warnings: [] });

/** A rule as nested groups of conditions. The root is a group (lib/rule: asGroup). */
export function RuleEditor(props: { rule: Rule; undo: Undo; remarks: Remarks }) {
  return (
    <RemarksContext value={props.remarks}>
      <RuleMoves rule={props.rule} undo={props.undo}>
        <GroupEditor rule={props.rule} at="" depth={0} onChange={props.undo.change} />
      </RuleMoves>
    </RemarksContext>
  );
}

interface PartProps {
  rule: Rule;
  at: string;
  depth: number;
  onChange: (rule: Rule) => void;
  onRemove?: () => void;
  onCopy?: () => void;
  /** It was just added: its first picker opens. */
  fresh?: boolean;
}

function Part(props: PartProps) {
  const { inner } = unwrap(props.rule);
  if (isHousehold(inner)) return <HouseholdEditor {...props} household={inner} />;
  return groupOf(inner) ? <GroupEditor {...props} /> : <LeafEditor {...props} />;
}

/** What is asked of members of a household is not about households again. */
const InsideContext = createContext(false);

/** A condition about the members of a person's household: of whom, and what. */
function HouseholdEditor({
  rule,
  household,
  at,
  depth,
  onChange,
  onRemove,
  onCopy,
  fresh = false,
}: PartProps & { household: HouseholdRule }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { counts, error } = useContext(RemarksContext);
  const { negated } = unwrap(rule);
  const { who, of, role } = membersOf(household);
  const place = negated ? join(at, "not") : at;
  const set = (next: HouseholdRule) => onChange(wrap(next, negated));
  const count = counts.get(place);
  return (
    <div
      className="rule-group"
      data-depth={depth}
      data-not={negated || undefined}
      data-testid="rule-household"
    >
      <div className="rule-group-head">
        {onRemove && <PartHandle at={at} part={rule} />}
        <NotToggle on={negated} onToggle={() => onChange(negate(rule))} />
        <span className="rule-kind">
          <House size={13} /> {t("segments.builder.household")}
        </span>
        <Select
          className="pick"
          aria-label={t("segments.builder.householdWho")}
          value={who}
          popupMatchSelectWidth={false}
          onChange={(next) => set(makeHousehold(next, of, role))}
          options={quantifiers.map((q) => ({ value: q, label: t(`condition.household.who.${q}`) }))}
        />
        <Select<HouseholdRole | "anybody">
          className="pick"
          aria-label={t("segments.builder.householdRole")}
          value={role ?? "anybody"}
          popupMatchSelectWidth={false}
          onChange={(next) => set(makeHousehold(who, of, next === "anybody" ? undefined : next))}
          options={(["anybody", ...householdRoles] as const).map((r) => ({
            value: r,
            label: t(`condition.household.role.${r}`),
          }))}
        />
        <span className="rule-actions">
          <Tooltip title={t("segments.builder.leafHelp")}>
            <span className="rule-count" data-testid="condition-count">
              {count === undefined ? "" : format.num(count)}
            </span>
          </Tooltip>
          {onCopy && (
            <IconAction label={t("segments.builder.copy")} icon={<Copy size={13} />} onClick={onCopy} />
          )}
          {onRemove && <IconAction label={t("condition.remove")} icon={<X size={14} />} onClick={onRemove} />}
        </span>
      </div>
      {(error?.at === place || (negated && error?.at === at)) && (
        <p className="rule-error" role="alert">
          {error?.text}
        </p>
      )}
      <InsideContext value={true}>
        <GroupEditor
          rule={of}
          at={join(place, `household.${who}`)}
          depth={depth + 1}
          fresh={fresh}
          onChange={(next) => set(makeHousehold(who, next, role))}
        />
      </InsideContext>
    </div>
  );
}

function GroupEditor({ rule, at, depth, onChange, onRemove, onCopy, fresh: begun }: PartProps) {
  const { t } = useTranslation();
  const [fresh, setFresh] = useState<number | null>(begun ? 0 : null);
  const { error } = useContext(RemarksContext);
  const inside = useContext(InsideContext);
  const partMarks = usePartMarks();
  const { inner, negated } = unwrap(rule);
  const group = groupOf(inner);
  if (!group) return null;
  const place = join(negated ? join(at, "not") : at, group.kind);
  const set = (of: Rule[], kind = group.kind) => onChange(wrap(makeGroup(kind, of), negated));
  const add = (part: Rule) => {
    setFresh(group.of.length);
    set([...group.of, part]);
  };
  return (
    <fieldset
      className="rule-group"
      data-depth={depth}
      data-not={negated || undefined}
      data-list={place}
      data-drop={group.of.length === 0 ? partMarks(place, 0, 0)["data-drop"] : undefined}
      data-testid="rule-group"
    >
      <legend className="visually-hidden">
        {t(group.kind === "and" ? "segments.builder.all" : "segments.builder.any")}
      </legend>
      <div className="rule-group-head">
        {onRemove && <PartHandle at={at} part={rule} />}
        {depth > 0 && <NotToggle on={negated} onToggle={() => onChange(wrap(inner, !negated))} />}
        <Segmented<GroupKind>
          size="small"
          value={group.kind}
          aria-label={t("segments.builder.combine")}
          onChange={(kind) => set(group.of, kind)}
          options={[
            { value: "and", label: t("segments.builder.all") },
            { value: "or", label: t("segments.builder.any") },
          ]}
        />
        <span className="rule-actions">
          {onCopy && (
            <IconAction label={t("segments.builder.copy")} icon={<Copy size={13} />} onClick={onCopy} />
          )}
          {onRemove && (
            <IconAction label={t("segments.builder.removeGroup")} icon={<X size={14} />} onClick={onRemove} />
          )}
        </span>
      </div>
      {error?.at === at && (
        <p className="rule-error" role="alert">
          {error.text}
        </p>
      )}
      {group.of.length > 0 && (
        <ul className="rule-parts">
          {group.of.map((part, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: parts have no identity but their place
            <li key={i} {...partMarks(place, i, group.of.length)}>
              {i > 0 && <span className="rule-word">{t(`segments.builder.${group.kind}`)}</span>}
              <Part
                rule={part}
                at={join(place, i)}
                depth={depth + 1}
                fresh={i === fresh}
                onChange={(next) => set(group.of.map((x, j) => (j === i ? next : x)))}
                onRemove={() => {
                  setFresh(null);
                  set(group.of.filter((_, j) => j !== i));
                }}
                onCopy={() => {
                  setFresh(null);
                  set(group.of.toSpliced(i + 1, 0, structuredClone(part)));
                }}
              />
            </li>
          ))}
        </ul>
      )}
      <div className="rule-add" role="toolbar" aria-label={t("segments.builder.add")}>
        <Button size="small" icon={<Tag size={13} />} onClick={() => add({ trait: "", op: "eq" })}>
          {t("segments.builder.addTrait")}
        </Button>
        <Button
          size="small"
          icon={<MousePointerClick size={13} />}
          onClick={() => add({ event: "", count: { op: "gte", value: 1 }, within: "30d" })}
        >
          {t("segments.builder.addEvent")}
        </Button>
        <Button
          size="small"
          icon={<ListOrdered size={13} />}
          onClick={() =>
            add({ sequence: [{ event: "" }, { event: "", within: "2h", not: true }], within: "7d" })
          }
        >
          {t("segments.builder.addSequence")}
        </Button>
        <Button size="small" icon={<Shapes size={13} />} onClick={() => add({ segment: "" })}>
          {t("segments.builder.addSegment")}
        </Button>
        <Button size="small" icon={<Dices size={13} />} onClick={() => add(newRandom())}>
          {t("segments.builder.addRandom")}
        </Button>
        {!inside && (
          <Button
            size="small"
            icon={<House size={13} />}
            onClick={() => add(makeHousehold("any", { and: [{ trait: "", op: "eq" }] }, undefined))}
          >
            {t("segments.builder.addHousehold")}
          </Button>
        )}
        {depth < 6 && (
          <Button
            size="small"
            type="text"
            icon={<FolderPlus size={13} />}
            onClick={() => add(makeGroup(group.kind === "and" ? "or" : "and", [{ trait: "", op: "eq" }]))}
          >
            {t("segments.builder.addGroup")}
          </Button>
        )}
        <PasteHere slot={{ list: place, index: group.of.length }} />
      </div>
    </fieldset>
  );
}

function LeafEditor({ rule, at, onChange, onRemove, onCopy, fresh = false }: PartProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const { counts, error, warnings, self } = useContext(RemarksContext);
  const { inner, negated } = unwrap(rule);
  const place = negated ? join(at, "not") : at;
  const set = (next: Rule) => onChange(wrap(next, negated));
  const count = counts.get(place);
  const complete = leafComplete(inner);
  const warned = warnings.filter((w) => w.at.includes(place));
  return (
    <div
      className="rule-leaf"
      data-not={negated || undefined}
      data-error={error?.at === place || undefined}
      data-warned={warned.length > 0 || undefined}
      data-testid="rule-condition"
    >
      <div className="rule-leaf-row">
        {onRemove && <PartHandle at={at} part={rule} />}
        <NotToggle on={negated} onToggle={() => onChange(negate(rule))} />
        <div className="rule-leaf-body">
          {isTrait(inner) && <TraitEditor rule={inner} onChange={set} fresh={fresh} />}
          {isEvent(inner) && <EventEditor rule={inner} onChange={set} fresh={fresh} />}
          {isSequence(inner) && <SequenceEditor rule={inner} onChange={set} fresh={fresh} />}
          {isRandom(inner) && <RandomEditor rule={inner} onChange={set} />}
          {isSegment(inner) && (
            <SegmentEditor rule={inner} onChange={set} fresh={fresh} {...(self ? { self } : {})} />
          )}
        </div>
        <span className="rule-actions">
          <Tooltip title={t(complete ? "segments.builder.leafHelp" : "segments.builder.unfinishedHelp")}>
            <span className="rule-count" data-testid="condition-count">
              {complete ? (count === undefined ? "" : format.num(count)) : t("segments.builder.unfinished")}
            </span>
          </Tooltip>
          {onCopy && (
            <IconAction label={t("segments.builder.copy")} icon={<Copy size={13} />} onClick={onCopy} />
          )}
          {onRemove && <IconAction label={t("condition.remove")} icon={<X size={14} />} onClick={onRemove} />}
        </span>
      </div>
      {(error?.at === place || (negated && error?.at === at)) && (
        <p className="rule-error" role="alert">
          {error?.text}
        </p>
      )}
      {[...new Set(warned.map((w) => w.code))].map((code) => (
        <p key={code} className="rule-warning" data-testid="condition-warning">
          {t(`segments.warning.at.${code}`)}
        </p>
      ))}
    </div>
  );
}

function TraitEditor({
  rule,
  onChange,
  fresh,
}: {
  rule: TraitRule;
  onChange: (r: Rule) => void;
  fresh: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const traits = useTraitTypes();
  const typeOf = (name: string): FieldType => traits.find((x) => x.trait === name)?.type ?? "unknown";
  const type = typeOf(rule.trait);
  const names = useNames();
  const labels = useLabels();
  const options = choicesOf(names, "trait", traits, (x) => x.trait, [rule.trait], labels.trait).map(
    ({ of, ...c }) => ({ ...c, note: of && of.type !== "unknown" ? of.type : "" }),
  );
  return (
    <div className="rule-line">
      <span className="rule-kind">{t("segments.builder.trait")}</span>
      <TraitSelect
        value={rule.trait}
        fresh={fresh}
        options={options}
        onChange={(trait) => {
          const op = opsFor(typeOf(trait), undefined, true).includes(rule.op) ? rule.op : "eq";
          onChange({
            trait,
            op,
            value: convertValue(undefined, op, op),
            ...(takesZone(op) ? { tz: rule.tz ?? format.timeZone } : {}),
          });
        }}
      />
      <OpSelect
        op={rule.op}
        type={type}
        trait
        onChange={(op) =>
          onChange({
            trait: rule.trait,
            op,
            value: convertValue(rule.value, rule.op, op),
            ...(takesZone(op) ? { tz: rule.tz ?? format.timeZone } : {}),
          })
        }
      />
      <ValueInput
        op={rule.op}
        type={type}
        value={rule.value}
        of={{ trait: rule.trait }}
        onChange={(value) => onChange({ ...rule, value })}
      />
    </div>
  );
}

/** A trait that was seen, or a name of one's own. */
function TraitSelect(props: {
  value: string;
  options: (Choice & { note: string })[];
  onChange: (trait: string) => void;
  fresh: boolean;
}) {
  const opening = useFresh(props.fresh);
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const name = typed.trim();
  const own = name !== "" && !props.options.some((o) => o.value === name);
  return (
    <Select
      className="pick pick-name"
      aria-label={t("segments.builder.chooseTrait")}
      placeholder={t("segments.builder.chooseTrait")}
      value={props.value || null}
      {...opening}
      showSearch={{ filterOption: (text, option) => isFound(text, option), onSearch: setTyped }}
      onChange={(v: string) => {
        setTyped("");
        props.onChange(v);
      }}
      popupMatchSelectWidth={false}
      classNames={{ popup: { root: "pick-popup" } }}
      options={
        own ? [...props.options, { value: name, label: name, words: name, raw: "", note: "" }] : props.options
      }
      optionRender={(o) => (
        <ChoiceRow label={o.data.label} raw={o.data.raw} note={<small>{o.data.note}</small>} />
      )}
    />
  );
}

function NotToggle({ on, onToggle }: { on: boolean; onToggle: () => void }) {
  const { t } = useTranslation();
  return (
    <Tooltip title={t("segments.builder.notHelp")}>
      <button
        type="button"
        className="rule-not"
        aria-pressed={on}
        aria-label={t("segments.builder.notHelp")}
        onClick={onToggle}
      >
        {on ? t("segments.builder.not") : <CircleSlash2 size={13} />}
      </button>
    </Tooltip>
  );
}

function IconAction(props: { label: string; icon: React.ReactNode; onClick: () => void }) {
  return (
    <Tooltip title={props.label}>
      <Button
        type="text"
        size="small"
        className="condition-x"
        icon={props.icon}
        aria-label={props.label}
        onClick={props.onClick}
      />
    </Tooltip>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { sourceNamesQuery } from "@/api/queries";
import { Pill, type Tone } from "@/components/Pill";
import { useSources } from "@/lib/useSources";
import { type Difference, differences } from "./diff";
import type { Plan, PlanAction, PlanDocument } from "./queries";
import { usePlanWords } from "./words";

export function StatePill({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const { key, tone } = usePlanWords().state(plan);
  return (
    <Pill tone={tone} dot>
      {t(`plans.state.${key}`)}
    </Pill>
  );
}

const tones: Readonly<Record<PlanAction, Tone>> = {
  allow: "plain",
  coerce: "plain",
  drop: "warn",
  quarantine: "bad",
  reject: "bad",
};

export function ActionPill({ action }: { action: PlanAction }) {
  return <Pill tone={tones[action]}>{usePlanWords().action(action)}</Pill>;
}

export function useSourceNames(): (ids: readonly string[]) => string {
  const { t } = useTranslation();
  const { nameOf } = useSources();
  return (ids) => (ids.length === 0 ? t("plans.allSources") : ids.map(nameOf).join(" · "));
}

/** Which sources a plan is for; none stands for all without a plan of their own. */
export function SourcePicker(props: {
  value: readonly string[];
  onChange: (ids: string[]) => void;
  disabled?: boolean;
}) {
  const { t } = useTranslation();
  const sources = useQuery(sourceNamesQuery);
  return (
    <Select
      mode="multiple"
      aria-label={t("plans.sources")}
      value={[...props.value]}
      onChange={props.onChange}
      disabled={props.disabled === true}
      loading={sources.isPending}
      placeholder={t("plans.allSources")}
      showSearch={{ optionFilterProp: "label" }}
      options={(sources.data?.items ?? []).map((s) => ({ value: s.id, label: s.name }))}
      style={{ width: "100%" }}
    />
  );
}

const signs: Readonly<Record<string, string>> = { added: "+", removed: "−", changed: "~" };
const signOf = (d: Difference) => d.kind.split("_")[1] ?? "changed";

/** What makes one document the other, in words. */
export function DifferenceList({ before, after }: { before: PlanDocument; after: PlanDocument }) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const list = differences(before, after);
  if (list.length === 0) return <p className="muted">{t("plans.diff.none")}</p>;
  return (
    <ul className="plan-diff">
      {list.map((d) => (
        <li key={words.difference(d)} data-sign={signOf(d)}>
          <b aria-hidden="true">{signs[signOf(d)]}</b>
          <span>{words.difference(d)}</span>
        </li>
      ))}
    </ul>
  );
}

export const emptyDocument: PlanDocument = {
  unplanned_events: "allow",
  unplanned_properties: "allow",
  missing: "allow",
  invalid: "allow",
  events: [],
};

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { DetailDrawer } from "@/components/DetailDrawer";
import { LinkButton } from "@/components/LinkButton";
import { PersonList } from "@/components/PersonList";
import { ErrorState } from "@/components/states";
import { intersectionRule, stepRule, type Told, type Who } from "./doors";
import { audienceCountQuery, audienceOverlapQuery } from "./queries";

/** Whose people are shown: a step of the waterfall, or an intersection. */
export type Shown = { path: string; told: Told } | { within: number[] };

/** The people behind one of the explorer's numbers: some of them, the rule that says who they are, and where it leads. */
export function Behind(props: {
  shown: Shown | null;
  who: Who;
  /** The explored one's conditions; null of a fixed list. */
  rule: Rule | null;
  sets: readonly Who[];
  at: string | undefined;
  day: string | undefined;
  onClose: () => void;
}) {
  const [last, setLast] = useState(props.shown);
  if (props.shown && props.shown !== last) setLast(props.shown);
  // The drawer keeps its content while it closes.
  return last ? <Body {...props} shown={last} open={props.shown !== null} /> : null;
}

function Body(props: {
  shown: Shown;
  open: boolean;
  who: Who;
  rule: Rule | null;
  sets: readonly Who[];
  at: string | undefined;
  day: string | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useRuleWords();
  const { shown } = props;
  const step = "path" in shown ? shown : null;
  const within = "within" in shown ? shown.within : null;
  const ofStep = useQuery({
    ...audienceCountQuery(props.who, props.at, {
      of: step?.told ?? "members",
      path: step?.path ?? "",
      limit: 50,
    }),
    enabled: step !== null,
  });
  const ofMeet = useQuery({
    ...audienceOverlapQuery(props.sets, props.at, within ?? []),
    enabled: within !== null && props.sets.length > 1,
  });
  const query = step ? ofStep : ofMeet;
  const told = ofStep.data?.waterfall.steps.find((s) => s.path === step?.path);
  const members = step
    ? told && (step.told === "only" ? told.only : step.told === "lost" ? Math.abs(told.change) : told.members)
    : ofMeet.data?.intersections.find((x) => x.in.join() === within?.join())?.members;
  const rule = step
    ? props.rule && stepRule(props.rule, step.path, step.told)
    : intersectionRule(props.sets, within ?? []);
  const name = within
    ? format.list(within.map((i) => ofMeet.data?.sets[i]?.name ?? "…"))
    : t(
        ofStep.data?.waterfall.mode === "or"
          ? `explorer.behind.or.${step?.told ?? "lost"}`
          : `explorer.behind.and.${step?.told ?? "lost"}`,
      );
  return (
    <DetailDrawer
      open={props.open}
      onClose={props.onClose}
      title={name}
      actions={
        rule && (
          <LinkButton
            to="/segments/explore"
            search={{ rule, ...(props.day ? { at: props.day } : {}) }}
            primary
          >
            {t("explorer.behind.explore")}
          </LinkButton>
        )
      }
    >
      <div className="stack" data-testid="behind">
        <p className="preview-count">
          <b data-testid="behind-members">
            {members === undefined ? (
              <span className="bone" style={{ width: 64, height: 24 }} />
            ) : (
              format.num(members)
            )}
          </b>
          <span className="muted">
            {members !== undefined && t("explorer.behind.people", { count: members })}
          </span>
        </p>
        {rule && <p className="preview-words">{words.rule(rule)}</p>}
        {query.error && !query.data ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : query.data?.sample.length === 0 ? (
          <p className="muted">{t("segments.preview.nobody")}</p>
        ) : (
          <>
            <PersonList rows={query.data?.sample} />
            {members !== undefined && query.data && members > query.data.sample.length && (
              <p className="muted">
                {t("explorer.behind.some", { n: format.num(query.data.sample.length) })}
              </p>
            )}
          </>
        )}
      </div>
    </DetailDrawer>
  );
}

import { Button, InputNumber, Select, Tooltip } from "antd";
import { ArrowDown, ArrowUp, Filter, GripVertical, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FunnelQuery, QueryResult } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { type Column, DataTable } from "@/components/DataTable";
import { type Behind, usePeopleBehind } from "@/lib/behind";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { parseLength } from "@/lib/rule";
import { EventBlock } from "./EventBlock";
import { useFrame } from "./frame";
import { AnswerFrame, Door, EmptyRange, StartState, useGroupName } from "./parts";
import {
  defaultWindow,
  type EventDraft,
  exampleFunnel,
  type FunnelDraft,
  type FunnelMode,
  funnelModes,
  funnelQuery,
  readFunnel,
  type Step,
} from "./question";
import { useAnswer } from "./useAnswer";

const blank: FunnelDraft = { steps: [{ event: "" }, { event: "" }] };

export function FunnelTab() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { q, set, range, events } = useFrame();
  const draft = q.funnel ?? blank;
  const query = funnelQuery(q, draft, range, format.timeZone, false);
  const grouped = q.by ? funnelQuery(q, draft, range, format.timeZone, true) : null;
  const answer = useAnswer<FunnelQuery>(query);
  const groups = useAnswer<FunnelQuery>(grouped);
  const example = useMemo(() => exampleFunnel(events), [events]);

  return (
    <div className="workbench">
      <StepsEditor draft={draft} onChange={(funnel) => set({ funnel })} />
      <AnswerFrame
        answer={answer}
        asked={query !== null}
        start={
          <StartState
            icon={<Filter />}
            title={t("analytics.funnel.start")}
            hint={t("analytics.funnel.startHint")}
            example={example?.steps.map((s) => labels.event(s.event)).join(" → ") ?? null}
            onExample={() => set({ funnel: example ?? undefined })}
          />
        }
        skeleton={<FunnelSkeleton steps={draft.steps.length} />}
      >
        {(answered) => (
          <>
            <FunnelBars query={answered.query} result={answered.result} />
            {groups.answered && grouped && (
              <GroupTable query={groups.answered.query} result={groups.answered.result} />
            )}
            {!grouped && <StepTable query={answered.query} result={answered.result} />}
          </>
        )}
      </AnswerFrame>
    </div>
  );
}

function StepsEditor({ draft, onChange }: { draft: FunnelDraft; onChange: (d: FunnelDraft) => void }) {
  const { t } = useTranslation();
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const [fresh, setFresh] = useState<number | null>(null);
  const { steps } = draft;
  const setSteps = (list: EventDraft[]) => onChange({ ...draft, steps: list });
  const move = (from: number, to: number) => {
    if (to < 0 || to >= steps.length || from === to) return;
    const list = [...steps];
    const [step] = list.splice(from, 1);
    if (step) list.splice(to, 0, step);
    setSteps(list);
  };
  const length = parseLength(draft.window ?? defaultWindow) ?? { n: 7, unit: "d" as const };
  const unit = length.unit === "w" || length.unit === "s" ? "d" : length.unit;
  return (
    <section className="card card-pad question" aria-label={t("analytics.funnel.question")}>
      <h2>{t("analytics.funnel.steps")}</h2>
      {steps.map((s, i) => (
        <EventBlock
          // biome-ignore lint/suspicious/noArrayIndexKey: steps have no identity but their place
          key={i}
          mark={
            <span className="mark step-mark" title={t("analytics.funnel.drag")}>
              <GripVertical size={12} aria-hidden="true" />
              {i + 1}
            </span>
          }
          value={s}
          fresh={i === fresh}
          label={t("analytics.funnel.stepEvent", { n: i + 1 })}
          onChange={(next) => setSteps(steps.map((x, j) => (j === i ? next : x)))}
          onRemove={
            steps.length > 2
              ? () => {
                  setFresh(null);
                  setSteps(steps.filter((_, j) => j !== i));
                }
              : undefined
          }
          actions={
            <>
              <StepButton
                label={t("analytics.funnel.up")}
                icon={<ArrowUp size={13} />}
                disabled={i === 0}
                onClick={() => move(i, i - 1)}
              />
              <StepButton
                label={t("analytics.funnel.down")}
                icon={<ArrowDown size={13} />}
                disabled={i === steps.length - 1}
                onClick={() => move(i, i + 1)}
              />
            </>
          }
          drag={{
            draggable: true,
            ...(over === i && dragged !== null && dragged !== i ? { "aria-dropeffect": "move" } : {}),
            onDragStart: (e) => {
              // Text in a field is selected by dragging too; only the mark drags the step.
              const el = document.elementFromPoint(e.clientX, e.clientY);
              if (!el?.closest(".step-mark")) return e.preventDefault();
              e.dataTransfer.effectAllowed = "move";
              setDragged(i);
            },
            onDragOver: (e) => {
              if (dragged === null) return;
              e.preventDefault();
              setOver(i);
            },
            onDrop: (e) => {
              e.preventDefault();
              if (dragged !== null) move(dragged, i);
              setDragged(null);
              setOver(null);
            },
            onDragEnd: () => {
              setDragged(null);
              setOver(null);
            },
          }}
        />
      ))}
      {steps.length < 12 && (
        <Button
          size="small"
          icon={<Plus size={13} />}
          onClick={() => {
            setFresh(steps.length);
            setSteps([...steps, { event: "" }]);
          }}
        >
          {t("analytics.funnel.add")}
        </Button>
      )}
      <h2>{t("analytics.funnel.window")}</h2>
      <div className="question-line">
        <span className="muted">{t("analytics.funnel.within")}</span>
        <InputNumber
          className="rule-n"
          aria-label={t("analytics.funnel.windowN")}
          min={1}
          max={3650}
          precision={0}
          value={length.unit === "w" ? length.n * 7 : length.n}
          onChange={(n) => onChange({ ...draft, window: `${n ?? 1}${unit}` })}
        />
        <Select
          className="pick"
          aria-label={t("analytics.funnel.windowUnit")}
          value={unit}
          onChange={(u) => onChange({ ...draft, window: `${length.n}${u}` })}
          options={(["m", "h", "d"] as const).map((u) => ({ value: u, label: t(`analytics.unit.${u}`) }))}
        />
      </div>
      <h2>{t("analytics.funnel.order")}</h2>
      <p className="muted question-note">{t("analytics.funnel.loose")}</p>
      <Select<FunnelMode>
        className="pick"
        aria-label={t("analytics.funnel.mode")}
        value={draft.mode ?? "distinct"}
        onChange={(mode) => onChange({ ...draft, mode })}
        options={funnelModes.map((value) => ({ value, label: t(`analytics.funnel.modes.${value}`) }))}
      />
    </section>
  );
}

function StepButton(props: { label: string; icon: React.ReactNode; disabled: boolean; onClick: () => void }) {
  return (
    <Tooltip title={props.label}>
      <Button
        type="text"
        size="small"
        className="condition-x step-button"
        icon={props.icon}
        aria-label={props.label}
        disabled={props.disabled}
        onClick={props.onClick}
      />
    </Tooltip>
  );
}

/** Opens the people at a step: those who reached it, who went on, or who stopped there. */
function useStepDoor(query: FunnelQuery) {
  const { t } = useTranslation();
  const labels = useLabels();
  const behind = usePeopleBehind();
  const groupName = useGroupName();
  return (step: Step, outcome: "reached" | "converted" | "lost", group: (string | null)[] = []) => {
    const event = labels.event(step.event);
    const name = t(`analytics.funnel.behind.${outcome}`, { n: step.step, event });
    const b: Behind = {
      title: group.length > 0 ? `${name} · ${groupName(group)}` : name,
      query,
      select: { step: step.step, outcome, ...(group.length > 0 ? { breakdown: group } : {}) },
    };
    behind(b);
  };
}

function FunnelBars({ query, result }: { query: FunnelQuery; result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const open = useStepDoor(query);
  const steps = readFunnel(result)[0]?.steps ?? [];
  const first = steps[0];
  const last = steps.at(-1);
  if (!first || !last || first.persons === 0)
    return (
      <section className="card">
        <EmptyRange title={t("analytics.funnel.nobody")} />
      </section>
    );
  return (
    <section className="card" aria-label={t("analytics.funnel.result")}>
      <dl className="figures">
        <div>
          <dt>{t("analytics.funnel.conversion")}</dt>
          <dd className="figure-gold" data-testid="funnel-conversion">
            {format.percent(last.conversion)}
          </dd>
        </div>
        <div>
          <dt>{t("analytics.funnel.entered")}</dt>
          <dd>
            <Door onOpen={() => open(first, "reached")}>{format.num(first.persons)}</Door>
          </dd>
        </div>
        <div>
          <dt>{t("analytics.funnel.completed")}</dt>
          <dd>
            <Door onOpen={() => open(last, "reached")}>{format.num(last.persons)}</Door>
          </dd>
        </div>
        {last.wholeMedian !== null && (
          <div>
            <dt title={t("analytics.funnel.medianHelp")}>{t("analytics.funnel.medianWhole")}</dt>
            <dd>{format.duration(last.wholeMedian)}</dd>
          </div>
        )}
      </dl>
      <ol className="funnel" data-testid="funnel">
        {steps.map((s, i) => {
          const before = steps[i - 1];
          const lost = before ? before.persons - s.persons : 0;
          const event = labels.event(s.event);
          return (
            <li key={s.step}>
              <div className="funnel-head">
                <span className="mark">{s.step}</span>
                <b className="ellipsis" title={event}>
                  {event}
                </b>
              </div>
              <div className="funnel-bar">
                {before && lost > 0 && (
                  <Tooltip
                    title={t("analytics.funnel.lostHint", {
                      n: format.num(lost),
                      event: labels.event(before.event),
                    })}
                  >
                    <button
                      type="button"
                      className="funnel-lost"
                      style={{ height: `${(before.conversion - s.conversion) * 100}%` }}
                      aria-label={t("analytics.funnel.lostLabel", { n: format.num(lost), step: before.step })}
                      data-testid={`funnel-lost-${before.step}`}
                      onClick={() => open(before, "lost")}
                    />
                  </Tooltip>
                )}
                <Tooltip title={t("analytics.funnel.reachedHint", { n: format.num(s.persons), event })}>
                  <button
                    type="button"
                    className="funnel-in"
                    style={{ height: `${Math.max(s.conversion * 100, s.persons > 0 ? 1 : 0)}%` }}
                    aria-label={t("analytics.funnel.reachedLabel", {
                      n: format.num(s.persons),
                      step: s.step,
                    })}
                    data-testid={`funnel-reached-${s.step}`}
                    onClick={() => open(s, "reached")}
                  />
                </Tooltip>
              </div>
              <div className="funnel-foot">
                <p>
                  <Door className="door funnel-n" onOpen={() => open(s, "reached")}>
                    {format.num(s.persons)}
                  </Door>{" "}
                  <span className="muted">{format.percent(s.conversion)}</span>
                </p>
                {before ? (
                  <>
                    <p>
                      <span title={t("analytics.funnel.stepHelp")}>
                        {t("analytics.funnel.step", { rate: format.percent(s.stepConversion) })}
                      </span>
                    </p>
                    <p>
                      <Door className="door funnel-drop" onOpen={() => open(before, "lost")}>
                        {t("analytics.funnel.drop", {
                          n: format.num(lost),
                          rate: format.percent(1 - s.stepConversion),
                        })}
                      </Door>
                    </p>
                    <p className="muted">
                      {s.median !== null && t("analytics.funnel.median", { time: format.duration(s.median) })}
                    </p>
                  </>
                ) : (
                  <p className="muted">{t("analytics.funnel.all")}</p>
                )}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function StepTable({ query, result }: { query: FunnelQuery; result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const open = useStepDoor(query);
  const steps = readFunnel(result)[0]?.steps ?? [];
  const columns: Column<Step>[] = [
    {
      key: "step",
      title: t("analytics.funnel.stepTitle"),
      width: 176,
      sortable: false,
      value: (s) => `${s.step}. ${labels.event(s.event)}`,
    },
    {
      key: "persons",
      title: t("analytics.funnel.persons"),
      width: 84,
      align: "right",
      sortable: false,
      value: (s) => s.persons,
      render: (s) => <Door onOpen={() => open(s, "reached")}>{format.num(s.persons)}</Door>,
    },
    {
      key: "conversion",
      title: t("analytics.funnel.fromFirst"),
      align: "right",
      sortable: false,
      value: (s) => s.conversion,
      render: (s) => format.percent(s.conversion),
    },
    {
      key: "stepConversion",
      title: t("analytics.funnel.fromBefore"),
      align: "right",
      sortable: false,
      value: (s) => s.stepConversion,
      render: (s) => (s.step === 1 ? "–" : format.percent(s.stepConversion)),
    },
    {
      key: "converted",
      title: t("analytics.funnel.wentOn"),
      width: 92,
      align: "right",
      sortable: false,
      value: (s) => steps[s.step]?.persons,
      render: (s) =>
        steps[s.step] ? (
          <Door onOpen={() => open(s, "converted")}>{format.num(steps[s.step]?.persons)}</Door>
        ) : (
          "–"
        ),
    },
    {
      key: "lost",
      title: t("analytics.funnel.lost"),
      width: 84,
      align: "right",
      sortable: false,
      value: (s) => (steps[s.step] ? s.persons - (steps[s.step]?.persons ?? 0) : null),
      render: (s) =>
        steps[s.step] ? (
          <Door onOpen={() => open(s, "lost")}>{format.num(s.persons - (steps[s.step]?.persons ?? 0))}</Door>
        ) : (
          "–"
        ),
    },
    {
      key: "median",
      title: t("analytics.funnel.medianTitle"),
      help: t("analytics.funnel.medianStepHelp"),
      align: "right",
      sortable: false,
      value: (s) => s.median,
      render: (s) => format.duration(s.median),
    },
    {
      key: "average",
      title: t("analytics.funnel.averageTitle"),
      align: "right",
      sortable: false,
      optional: true,
      value: (s) => s.average,
      render: (s) => format.duration(s.average),
    },
  ];
  if (!steps[0]?.persons) return null;
  return (
    <div>
      <DataTable
        id="funnel-steps"
        label={t("analytics.funnel.table")}
        columns={columns}
        rows={steps}
        rowKey={(s) => String(s.step)}
        filters={<h2 className="table-title">{t("analytics.funnel.table")}</h2>}
      />
    </div>
  );
}

/** One row per group, one column per step. */
function GroupTable({ query, result }: { query: FunnelQuery; result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const groupName = useGroupName();
  const words = useRuleWords();
  const open = useStepDoor(query);
  const groups = readFunnel(result);
  type Group = (typeof groups)[number];
  const steps = query.steps;
  const columns: Column<Group>[] = [
    {
      key: "group",
      title: query.breakdown?.[0] ? words.field({ ...query.breakdown[0], op: "eq" }) : "",
      width: 200,
      value: (g) => groupName(g.group),
      render: (g) => (
        <span className="ellipsis line-name" title={groupName(g.group)}>
          {groupName(g.group)}
        </span>
      ),
    },
    {
      key: "total",
      title: t("analytics.funnel.conversion"),
      align: "right",
      value: (g) => g.steps.at(-1)?.conversion,
      render: (g) => <b>{format.percent(g.steps.at(-1)?.conversion)}</b>,
    },
    ...steps.map(
      (s, i): Column<Group> => ({
        key: `s${i + 1}`,
        title: `${i + 1}. ${labels.event(s.event)}`,
        align: "right",
        value: (g) => g.steps[i]?.persons,
        render: (g) => {
          const step = g.steps[i];
          if (!step) return "–";
          return (
            <>
              <Door onOpen={() => open(step, "reached", g.group)}>{format.num(step.persons)}</Door>
              {i > 0 && <small className="muted cell-rate">{format.percent(step.stepConversion)}</small>}
            </>
          );
        },
      }),
    ),
  ];
  return (
    <div>
      <DataTable
        id="funnel-groups"
        label={t("analytics.funnel.groups")}
        columns={columns}
        rows={groups}
        rowKey={(g) => formatJson(g.group)}
        defaultSort="-s1"
        filters={<h2 className="table-title">{t("analytics.funnel.groups")}</h2>}
      />
    </div>
  );
}

function FunnelSkeleton({ steps }: { steps: number }) {
  return (
    <div className="card" aria-hidden="true">
      <dl className="figures">
        {[1, 2, 3].map((n) => (
          <div key={n}>
            <dt>
              <span className="bone" style={{ width: 64 }} />
            </dt>
            <dd>
              <span className="bone" style={{ width: 96, height: 20 }} />
            </dd>
          </div>
        ))}
      </dl>
      <ol className="funnel">
        {Array.from({ length: steps }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
          <li key={i}>
            <div className="funnel-head">
              <span className="bone" style={{ width: "70%" }} />
            </div>
            <div className="funnel-bar">
              <span className="funnel-in bone-bar" style={{ height: `${100 / (i + 1)}%` }} />
            </div>
            <div className="funnel-foot">
              <span className="bone" style={{ width: 80 }} />
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

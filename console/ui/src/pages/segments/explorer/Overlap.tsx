import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, Select, Tooltip } from "antd";
import { ChartNoAxesColumn, Table2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { segmentsQuery } from "@/api/queries";
import type { AudienceOverlap } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ErrorState } from "@/components/states";
import { columnsOf, type Who } from "./doors";
import { audienceOverlapQuery } from "./queries";
import { maxSets } from "./search";

/** Which other segments its people are in, as an UpSet plot: a column for each exclusive intersection. */
export function Overlap(props: {
  who: Who;
  name: string;
  at: string | undefined;
  /** The other segments. */
  others: readonly string[];
  onOthers: (ids: string[]) => void;
  onOpen: (within: readonly number[]) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const all = useQuery(segmentsQuery).data?.items ?? [];
  const self = "segment" in props.who ? props.who.segment : undefined;
  const sets = setsOf(props.who, props.name, props.others);
  const query = useQuery(audienceOverlapQuery(sets, props.at));
  const [view, setView] = useState<"plot" | "table">("plot");
  const toggle = t(view === "plot" ? "chart.asTable" : "chart.asChart");
  const none = sets.length < 2;
  return (
    <section className="card" aria-busy={query.isFetching} data-testid="overlap">
      <div className="card-head">
        <h2>
          <Tooltip title={t("explorer.overlap.help")}>
            <span className="helped">{t("explorer.overlap.title")}</span>
          </Tooltip>
        </h2>
        <Select
          className="portrait-fields"
          mode="multiple"
          size="small"
          maxTagCount="responsive"
          maxCount={maxSets - 1}
          aria-label={t("explorer.overlap.choose")}
          placeholder={t("explorer.overlap.choose")}
          value={[...props.others]}
          onChange={props.onOthers}
          options={all
            .filter((s) => s.id !== self)
            .map((s) => ({ value: s.id, label: s.name, members: s.members }))}
          optionRender={(o) => (
            <span className="pick-option">
              <span className="ellipsis">{o.data.label}</span>
              <small>{format.compact(o.data.members)}</small>
            </span>
          )}
          showSearch={{ optionFilterProp: "label" }}
          popupMatchSelectWidth={false}
          classNames={{ popup: { root: "pick-popup" } }}
          notFoundContent={<span className="muted">{t("condition.noSegments")}</span>}
        />
        <Tooltip title={toggle}>
          <Button
            type="text"
            size="small"
            aria-label={toggle}
            disabled={!query.data}
            icon={view === "plot" ? <Table2 size={15} /> : <ChartNoAxesColumn size={15} />}
            onClick={() => setView(view === "plot" ? "table" : "plot")}
          />
        </Tooltip>
      </div>
      {none ? (
        <p className="explorer-note muted">{t("explorer.overlap.none")}</p>
      ) : query.error && !query.data ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data ? (
        view === "plot" ? (
          <UpSet overlap={query.data} onOpen={props.onOpen} stale={query.isPlaceholderData} />
        ) : (
          <OverlapTable overlap={query.data} onOpen={props.onOpen} />
        )
      ) : (
        <div className="upset-bones" aria-hidden="true">
          {[72, 54, 36, 28, 20, 14].map((h) => (
            <i key={h} style={{ height: `${h}%` }} />
          ))}
        </div>
      )}
    </section>
  );
}

/** The explored one comes first. */
export function setsOf(who: Who, name: string, others: readonly string[]): Who[] {
  const self = "segment" in who ? who : { rule: who.rule, name };
  return [
    self,
    ...others.filter((id) => !("segment" in who && who.segment === id)).map((segment) => ({ segment })),
  ];
}

const column = 32;
const barHeight = 120;
const rowHeight = 28;

function UpSet({
  overlap,
  onOpen,
  stale,
}: {
  overlap: AudienceOverlap;
  onOpen: (within: readonly number[]) => void;
  stale: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const [max, setMax] = useState(12);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const observer = new ResizeObserver(() => setMax(Math.max(3, Math.floor(el.clientWidth / column))));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  const c = columnsOf(overlap, max);
  const sets = overlap.sets;
  return (
    <>
      <div className="upset" data-stale={stale || undefined}>
        <ul className="upset-sets" style={{ paddingTop: barHeight + 20 }}>
          {sets.map((s, i) => (
            <li key={s.segment ?? `rule ${i}`} style={{ height: rowHeight }}>
              {s.segment && i > 0 ? (
                <Link to="/segments/$id" params={{ id: s.segment }} className="ellipsis" title={s.name}>
                  {s.name}
                </Link>
              ) : (
                <b className="ellipsis" title={s.name}>
                  {s.name}
                </b>
              )}
              <span className="num muted">{format.compact(s.members)}</span>
              <span className="upset-size" aria-hidden="true">
                <i style={{ width: `${(s.members / c.widest) * 100}%` }} />
              </span>
            </li>
          ))}
        </ul>
        <div ref={box} className="upset-columns">
          {c.shown.map((x) => {
            const names = x.in.map((i) => sets[i]?.name ?? "");
            const label = t("explorer.overlap.column", {
              n: format.num(x.members),
              count: x.members,
              sets: format.list(names),
            });
            return (
              <Tooltip key={x.in.join("-")} title={label}>
                <button
                  type="button"
                  className="upset-column"
                  data-self={x.in.includes(0) || undefined}
                  aria-label={label}
                  onClick={() => onOpen(x.in)}
                >
                  <Column
                    within={x.in}
                    of={sets.length}
                    height={(x.members / c.most) * barHeight}
                    text={format.compact(x.members)}
                  />
                </button>
              </Tooltip>
            );
          })}
          {c.shown.length === 0 && <p className="muted">{t("explorer.overlap.nobody")}</p>}
        </div>
      </div>
      {c.rest.count > 0 && (
        <p className="explorer-note muted">
          {t("explorer.overlap.rest", {
            count: c.rest.count,
            n: format.num(c.rest.count),
            people: format.num(c.rest.members),
          })}
        </p>
      )}
    </>
  );
}

/** A bar above, and below it a dot for each set, joined where the intersection is in it. */
function Column(props: { within: readonly number[]; of: number; height: number; text: string }) {
  const { within, of } = props;
  const y = (i: number) => barHeight + 20 + rowHeight * (i + 0.5);
  const h = Math.max(1, props.height);
  return (
    <svg width={column} height={barHeight + 20 + rowHeight * of} aria-hidden="true">
      <rect className="upset-bar" x={7} width={column - 14} y={16 + barHeight - h} height={h} rx={2} />
      <text x={column / 2} y={16 + barHeight - h - 4} textAnchor="middle">
        {props.text}
      </text>
      {within.length > 1 && (
        <line x1={column / 2} x2={column / 2} y1={y(Math.min(...within))} y2={y(Math.max(...within))} />
      )}
      {Array.from({ length: of }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a dot is its row
        <circle key={i} cx={column / 2} cy={y(i)} r={5} data-in={within.includes(i) || undefined} />
      ))}
    </svg>
  );
}

function OverlapTable({
  overlap,
  onOpen,
}: {
  overlap: AudienceOverlap;
  onOpen: (within: readonly number[]) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <div className="upset-table">
      <table className="waterfall">
        <thead>
          <tr>
            <th scope="col">{t("explorer.overlap.within")}</th>
            <th scope="col" className="num">
              {t("explorer.people")}
            </th>
            <th scope="col" className="num">
              {t("explorer.share")}
            </th>
          </tr>
        </thead>
        <tbody>
          {overlap.intersections.map((x) => (
            <tr key={x.in.join("-")}>
              <th scope="row">{format.list(x.in.map((i) => overlap.sets[i]?.name ?? ""))}</th>
              <td className="num">
                <button type="button" className="door num" onClick={() => onOpen(x.in)}>
                  {format.num(x.members)}
                </button>
              </td>
              <td className="num">{format.percent(overlap.union > 0 ? x.members / overlap.union : null)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Button, DatePicker, Tooltip } from "antd";
import dayjs from "dayjs";
import { History, X } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { segmentsQuery } from "@/api/queries";
import type { AudienceCount, Rule, Segment } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useLimited } from "@/app/session";
import { PersonList } from "@/components/PersonList";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { addDays, dayOf } from "@/lib/zone";
import { Behind, type Shown } from "./Behind";
import type { Who } from "./doors";
import { Freeze } from "./Freeze";
import { Overlap, setsOf } from "./Overlap";
import { Portrait } from "./Portrait";
import { audienceCountQuery } from "./queries";
import { Size } from "./Size";
import { type ExplorerSearch, endOf } from "./search";
import { Waterfall } from "./Waterfall";
import "../segments.css";
import "./explorer.css";

/** How many other segments an overlap begins with. */
const neighbours = 4;
/** The whole rule as a step of the waterfall: an address keeps no empty parts. */
const rootStep = "rule";

/**
 * An audience, looked at from all sides: how many and why so many, where they came from, what they are like, which other
 * segments they are in, and who they are. It answers without being asked; what is asked is in the address.
 */
export function Explorer(props: {
  who: Who;
  name: string;
  /** Its conditions; null of a fixed list. */
  rule: Rule | null;
  /** When it is saved. */
  segment?: Segment;
  search: ExplorerSearch;
  actions?: ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const setSearch = useSetSearch();
  const limited = useLimited();
  const { who, search, segment } = props;
  const at = useMemo(() => endOf(search.at, format.timeZone, Date.now()), [search.at, format.timeZone]);
  const day = at ? search.at : undefined;
  const count = useQuery({
    ...audienceCountQuery(who, at, { of: "members", path: "", limit: 10 }),
    placeholderData: (before) => before,
  });
  const others = useOthers(who, search.with);
  const sets = setsOf(who, props.name, others);
  const { meet, step, told } = search;
  const shown = useMemo(() => shownBy({ meet, step, told }, sets.length), [meet, step, told, sets.length]);
  const close = () => setSearch({ step: undefined, told: undefined, meet: undefined });
  return (
    <div className="explorer" data-testid="explorer">
      <div className="explorer-bar">
        <When day={search.at} onDay={(next) => setSearch({ at: next })} />
        <span className="explorer-actions">
          {props.actions}
          <Freeze who={who} name={props.name} at={at} purpose={segment?.purpose} />
        </span>
      </div>
      {count.error && !count.data ? (
        <div className="card">
          <ErrorState error={count.error} onRetry={() => void count.refetch()} title={t("explorer.failed")} />
        </div>
      ) : (
        <Headline count={count.data} day={day} stale={count.isPlaceholderData} />
      )}
      <div className="explorer-grid" data-single={!segment || limited || undefined}>
        {props.rule && (
          <section className="card" aria-busy={count.isFetching}>
            <div className="card-head">
              <h2>
                <Tooltip title={t("explorer.waterfall.help")}>
                  <span className="helped">{t("explorer.waterfall.title")}</span>
                </Tooltip>
              </h2>
            </div>
            {count.data ? (
              <Waterfall
                rule={props.rule}
                count={count.data}
                onOpen={(path, told) => setSearch({ step: path || rootStep, told, meet: undefined }, "push")}
              />
            ) : (
              <Bones />
            )}
          </section>
        )}
        {segment && !limited && (
          <Size
            segment={segment}
            interval={search.interval}
            onInterval={(interval) => setSearch({ interval })}
          />
        )}
      </div>
      <Portrait
        who={who}
        at={at}
        day={day}
        fields={search.fields ?? []}
        onFields={(fields) => setSearch({ fields: fields.length > 0 ? fields : undefined })}
      />
      <div className="explorer-grid">
        <Overlap
          who={who}
          name={props.name}
          at={at}
          others={others}
          onOthers={(ids) => setSearch({ with: ids.length > 0 ? ids : undefined, meet: undefined })}
          onOpen={(within) => setSearch({ meet: within.join("-"), step: undefined, told: undefined }, "push")}
        />
        <section className="card">
          <div className="card-head">
            <h2>{t("segments.preview.sample")}</h2>
          </div>
          <div className="explorer-people">
            {count.data?.sample.length === 0 ? (
              <p className="explorer-note muted">{t("segments.preview.nobody")}</p>
            ) : (
              <PersonList rows={count.data?.sample} />
            )}
          </div>
        </section>
      </div>
      <Behind shown={shown} who={who} rule={props.rule} sets={sets} at={at} day={day} onClose={close} />
    </div>
  );
}

/** Whose people the address asks for. */
function shownBy(
  { meet, step, told = "lost" }: Pick<ExplorerSearch, "meet" | "step" | "told">,
  sets: number,
): Shown | null {
  if (meet)
    return {
      within: meet
        .split("-")
        .map(Number)
        .filter((i) => i < sets),
    };
  return step ? { path: step === rootStep ? "" : step, told } : null;
}

/** Beside which segments it is laid: those that were chosen, else the largest. */
function useOthers(who: Who, chosen: readonly string[] | undefined): readonly string[] {
  const all = useQuery(segmentsQuery).data?.items;
  return useMemo(() => {
    if (chosen) return chosen;
    const self = "segment" in who ? who.segment : undefined;
    return (all ?? [])
      .filter((s) => s.id !== self && s.status === "live" && s.members > 0)
      .toSorted((a, b) => b.members - a.members || (a.id < b.id ? -1 : 1))
      .slice(0, neighbours)
      .map((s) => s.id);
  }, [all, chosen, who]);
}

/** Now, or a past day at whose end one asks who would have been in. */
function When({ day, onDay }: { day: string | undefined; onDay: (day: string | undefined) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const today = dayOf(Date.now(), format.timeZone);
  return (
    <span className="explorer-when">
      <Tooltip title={t("explorer.when.help")}>
        <History size={15} aria-hidden="true" />
      </Tooltip>
      <DatePicker
        aria-label={t("explorer.when.label")}
        placeholder={t("explorer.when.now")}
        value={day ? dayjs(day) : null}
        maxDate={dayjs(addDays(today, -1))}
        onChange={(d) => onDay(d ? d.format("YYYY-MM-DD") : undefined)}
        allowClear={false}
      />
      {day && (
        <Button size="small" type="text" icon={<X size={13} />} onClick={() => onDay(undefined)}>
          {t("explorer.when.back")}
        </Button>
      )}
    </span>
  );
}

function Headline(props: { count: AudienceCount | undefined; day: string | undefined; stale: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const c = props.count;
  const share = c && c.of > 0 ? c.members / c.of : null;
  return (
    <section className="card explorer-headline" data-stale={props.stale || undefined} aria-live="polite">
      <p className="preview-count">
        <b data-testid="explorer-members">
          {c ? format.num(c.members) : <span className="bone" style={{ width: 96, height: 24 }} />}
        </b>
        <span className="muted">
          {c && t("segments.preview.of", { count: c.of, n: format.num(c.of), share: format.percent(share) })}
        </span>
        {c && (
          <small className="muted push-right">
            {props.day ? t("explorer.asOfDay", { day: format.day(props.day) }) : <AsOf at={c.as_of} />}
          </small>
        )}
      </p>
      <div className="preview-share" aria-hidden="true">
        <i style={{ width: `${(share ?? 0) * 100}%` }} />
      </div>
      {props.day && c && c.assumptions.length > 0 && (
        <p className="muted">
          {t("explorer.assumed", {
            what: format.list(c.assumptions.map((a) => t(`explorer.assumption.${a}`))),
          })}
        </p>
      )}
    </section>
  );
}

function AsOf({ at }: { at: string }) {
  const { t } = useTranslation();
  return (
    <>
      {t("explorer.asOf")} <RelativeTime at={at} />
    </>
  );
}

function Bones() {
  return (
    <div className="explorer-bones" aria-hidden="true">
      {[90, 70, 45].map((w) => (
        <span key={w} className="bone" style={{ width: `${w}%`, height: 14 }} />
      ))}
    </div>
  );
}

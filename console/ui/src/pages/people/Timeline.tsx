import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Select } from "antd";
import { ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { personEventsQuery } from "@/api/queries";
import type { Person, PersonEvent } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ChannelIcon } from "@/components/ChannelIcon";
import { Json } from "@/components/CodeSnippet";
import { ChoiceRow, Named } from "@/components/Named";
import { ExactTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { TimeMarkPill, TimeMarkText } from "@/components/TimeMark";
import { PropertyPreview } from "@/components/Value";
import { choiceOf, isFound, useNames } from "@/lib/displayNames";
import { groupByDay } from "@/lib/groupByDay";
import { useLabels } from "@/lib/labels";
import { timeMarkOf } from "@/lib/timeMark";
import { usePages } from "@/lib/usePages";
import { useSources } from "@/lib/useSources";
import { addDays } from "@/lib/zone";

/** What a person did, newest first, day by day. */
export function Timeline({
  person,
  event,
  onEvent,
}: {
  person: Person;
  event: string;
  onEvent: (e: string) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const called = useNames();
  const pages = usePages(useInfiniteQuery(personEventsQuery(person.id, event)));
  const days = useMemo(
    () => groupByDay(pages.rows ?? [], (e) => format.dayKey(e.time)),
    [pages.rows, format],
  );
  const today = format.dayKey(Date.now());
  const yesterday = addDays(today, -1);
  const options = useMemo(() => {
    const names = Object.entries(person.counters.by_event).sort((a, b) => b[1] - a[1]);
    if (event && !names.some(([n]) => n === event)) names.unshift([event, 0]);
    return names.map(([value, n]) => ({ ...choiceOf(called, "event", value, labels.event), n }));
  }, [person, event, labels, called]);

  const dayName = (key: string, e: PersonEvent) =>
    key === today
      ? t("people.timeline.today")
      : key === yesterday
        ? t("people.timeline.yesterday")
        : format.day(e.time);

  return (
    <>
      <div className="bar">
        <Select
          value={event || undefined}
          onChange={(v) => onEvent(v ?? "")}
          allowClear
          showSearch={{ filterOption: (text, option) => isFound(text, option) }}
          placeholder={t("people.timeline.filter")}
          aria-label={t("people.timeline.filterLabel")}
          popupMatchSelectWidth={280}
          style={{ width: 240 }}
          options={options}
          optionRender={(o) => (
            <ChoiceRow
              label={o.data.label}
              raw={o.data.raw}
              note={o.data.n > 0 && <small className="n">{format.num(o.data.n)}</small>}
            />
          )}
        />
      </div>
      {pages.error && !pages.rows ? (
        <div className="card">
          <ErrorState error={pages.error} onRetry={pages.onRetry} />
        </div>
      ) : pages.rows?.length === 0 ? (
        <div className="card">
          <EmptyState title={t("people.timeline.empty")} hint={t("people.timeline.emptyHint")} />
        </div>
      ) : (
        <div className="card timeline" aria-busy={pages.loading}>
          {pages.loading && <TimelineBones />}
          {days.map(({ key, items }, i) => (
            <section key={key}>
              <h3 className="timeline-day">
                <span>{dayName(key, items[0] as PersonEvent)}</span>
                {(i < days.length - 1 || !pages.more.has) && (
                  <small>
                    {t("people.timeline.count", { count: items.length, n: format.num(items.length) })}
                  </small>
                )}
              </h3>
              <ul>
                {items.map((e) => (
                  <TimelineRow key={e.message_id} event={e} />
                ))}
              </ul>
            </section>
          ))}
          {!pages.loading && (
            <div className="table-more">
              {pages.more.has ? (
                <Button size="small" loading={pages.more.loading} onClick={pages.more.load}>
                  {t("action.more")}
                </Button>
              ) : (
                <span className="muted">{event ? t("table.end") : t("people.timeline.end")}</span>
              )}
            </div>
          )}
        </div>
      )}
    </>
  );
}

function TimelineRow({ event }: { event: PersonEvent }) {
  const { t } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const [open, setOpen] = useState(false);
  const source = sources.byId.get(event.source);
  const page = event.properties?.path ?? event.properties?.name;
  return (
    <li className="timeline-item" data-open={open || undefined}>
      <button type="button" className="timeline-row" aria-expanded={open} onClick={() => setOpen(!open)}>
        <time dateTime={event.time}>{format.time(event.time)}</time>
        <ChannelIcon channel={source?.kind ?? "web"} />
        <span className="timeline-name ellipsis">
          <Named sort="event" name={event.event} />
          <TimeMarkPill context={event.context} />
          {event.type !== "track" && typeof page === "string" && <code className="ellipsis">{page}</code>}
        </span>
        {event.type === "track" && <PropertyPreview properties={event.properties} />}
        <ChevronRight size={14} className="timeline-arrow" aria-hidden="true" />
      </button>
      {open && (
        <div className="timeline-detail">
          <dl className="pairs">
            <dt>{t("people.timeline.source")}</dt>
            <dd>{sources.nameOf(event.source)}</dd>
            <dt>{t("people.timeline.received")}</dt>
            <dd>
              <ExactTime at={event.received_at} />
            </dd>
            {timeMarkOf(event.context) && (
              <>
                <dt>{t("time.mark.label")}</dt>
                <dd>
                  <TimeMarkText context={event.context} />
                </dd>
              </>
            )}
            <dt>{t("people.timeline.messageId")}</dt>
            <dd>
              <code>{event.message_id}</code>
            </dd>
          </dl>
          <h4>{t("people.timeline.properties")}</h4>
          {event.properties && Object.keys(event.properties).length > 0 ? (
            <Json value={event.properties} maxHeight={360} />
          ) : (
            <p className="muted">{t("people.timeline.noProperties")}</p>
          )}
          {event.context && (
            <details>
              <summary>{t("people.timeline.context")}</summary>
              <Json value={event.context} maxHeight={360} />
            </details>
          )}
        </div>
      )}
    </li>
  );
}

function TimelineBones() {
  return (
    <ul>
      {[62, 44, 71, 50, 66, 40, 58, 47].map((w) => (
        <li key={w} className="timeline-row">
          <span className="bone" style={{ width: 56 }} />
          <span className="bone" style={{ width: `${w}%` }} />
        </li>
      ))}
    </ul>
  );
}

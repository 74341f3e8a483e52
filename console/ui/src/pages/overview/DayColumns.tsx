import { type KeyboardEvent, useRef } from "react";
import { useFormat } from "@/app/appearance";
import { niceTicks } from "./ticks";
import "@/components/chart.css";

export interface DayValue {
  time: string;
  value: number;
}

/**
 * Thirty days, each a button that leads to its people. Drawn without a chart library, so that the first page is light,
 * and so that every day can be reached by keyboard and read by a screen reader.
 */
export function DayColumns(props: {
  label: string;
  days: readonly DayValue[];
  line?: boolean;
  onOpen: (index: number) => void;
}) {
  const { days, line } = props;
  const format = useFormat();
  const list = useRef<HTMLOListElement>(null);
  const ticks = niceTicks(Math.max(...days.map((d) => d.value), 0));
  const top = ticks.at(-1) ?? 1;
  const last = days.length - 1;
  const share = (v: number) => `${((100 * v) / top).toFixed(2)}%`;
  const points = days.map((d, i) => `${i + 0.5},${(100 - (100 * d.value) / top).toFixed(2)}`).join("L");

  function walk(e: KeyboardEvent, i: number) {
    const to =
      e.key === "ArrowLeft"
        ? i - 1
        : e.key === "ArrowRight"
          ? i + 1
          : e.key === "Home"
            ? 0
            : e.key === "End"
              ? last
              : -1;
    if (to < 0 || to > last) return;
    e.preventDefault();
    list.current?.querySelectorAll("button")[to]?.focus();
  }

  return (
    <figure className="days" aria-label={props.label}>
      <div className="days-plot">
        {ticks.map((v) => (
          <span key={v} className="days-tick" style={{ bottom: share(v) }} aria-hidden="true">
            <small>{format.axis(v)}</small>
          </span>
        ))}
        <div className="days-body">
          {line && (
            <svg
              viewBox={`0 0 ${days.length} 100`}
              preserveAspectRatio="none"
              className="spark"
              aria-hidden="true"
            >
              <path className="area" d={`M${points}L${last + 0.5},100L0.5,100Z`} />
              <path d={`M${points}`} />
            </svg>
          )}
          <ol ref={list} data-line={line || undefined}>
            {days.map((d, i) => (
              <li key={d.time}>
                <button
                  type="button"
                  tabIndex={i === last ? 0 : -1}
                  aria-label={`${format.day(d.time)}: ${format.num(d.value)}`}
                  data-today={i === last || undefined}
                  onClick={() => props.onOpen(i)}
                  onKeyDown={(e) => walk(e, i)}
                >
                  <i style={line ? { bottom: share(d.value) } : { height: share(d.value) }} />
                  <span
                    className="days-tip"
                    data-side={i < 3 ? "left" : i > last - 3 ? "right" : undefined}
                    style={{ bottom: `calc(${share(d.value)} + 8px)` }}
                  >
                    {format.day(d.time)}
                    <b>{format.num(d.value)}</b>
                  </span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      </div>
      <div className="days-axis" aria-hidden="true">
        {days.map((d, i) => (
          <span key={d.time} data-second={(last - i) % 14 === 7 || undefined}>
            {(last - i) % 7 === 0 && <small>{shortDay(d.time, format.lang, format.timeZone)}</small>}
          </span>
        ))}
      </div>
    </figure>
  );
}

function shortDay(time: string, lang: string, timeZone: string): string {
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
    timeZone,
    day: "numeric",
    month: "short",
  }).format(new Date(time));
}

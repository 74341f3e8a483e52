import { Tooltip } from "antd";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import type { TimeLike } from "@/lib/format";

// One clock for all times on a page: they change together, and a hundred rows need no hundred timers.
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
function subscribe(l: () => void): () => void {
  listeners.add(l);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const f of listeners) f();
  }, 10_000);
  return () => {
    listeners.delete(l);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}
const getNow = () => {
  if (listeners.size === 0) now = Date.now();
  return now;
};

/** "5 minutes ago", with the exact time and zone on hover. */
export function RelativeTime({ at }: { at: TimeLike }) {
  const format = useFormat();
  const { t } = useTranslation();
  const current = useSyncExternalStore(subscribe, getNow);
  if (!at) return <span className="muted">{t("time.never")}</span>;
  // Rows may be newer than the last tick of the clock; what is farther ahead is to come, as deadlines are.
  const time = new Date(at).getTime();
  const shown = format.relative(at, time > current && time < current + 60_000 ? time : current);
  return (
    <Tooltip title={`${format.dateTime(at)} · ${format.timeZone}`}>
      <time dateTime={new Date(at).toISOString()} className="nowrap">
        {shown}
      </time>
    </Tooltip>
  );
}

/** The exact time, with how long ago on hover. */
export function ExactTime({ at }: { at: TimeLike }) {
  const format = useFormat();
  if (!at) return <span className="muted">–</span>;
  return (
    <Tooltip title={`${format.relative(at)} · ${format.timeZone}`}>
      <time dateTime={new Date(at).toISOString()} className="nowrap">
        {format.dateTime(at)}
      </time>
    </Tooltip>
  );
}

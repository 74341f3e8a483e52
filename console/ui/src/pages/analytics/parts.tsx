import { Button } from "antd";
import { ChevronDown, ChevronRight, Lightbulb, Square } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Query, QueryResult } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { CodeSnippet } from "@/components/CodeSnippet";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { useSources } from "@/lib/useSources";
import { useFrame } from "./frame";
import type { Answer } from "./useAnswer";

/** The states around an answer: an example to start from, a skeleton, progress with a way out, trouble. */
export function AnswerFrame<Q extends Query>(props: {
  answer: Answer<Q>;
  /** The question is complete enough to be asked. */
  asked: boolean;
  /** Shown when there is nothing to ask yet. */
  start: ReactNode;
  skeleton: ReactNode;
  children: (answered: { query: Q; result: QueryResult }) => ReactNode;
}) {
  const { t } = useTranslation();
  const { answer } = props;
  if (!props.asked) return <div className="card">{props.start}</div>;
  if (answer.error)
    return (
      <div className="card">
        <ErrorState error={answer.error} onRetry={answer.retry} title={t("analytics.failed")} />
      </div>
    );
  if (answer.stopped)
    return (
      <div className="card">
        <EmptyState
          icon={<Square />}
          title={t("analytics.stopped")}
          hint={t("analytics.stoppedHint")}
          action={<Button onClick={answer.retry}>{t("analytics.runAgain")}</Button>}
        />
      </div>
    );
  return (
    <div className="answer" aria-busy={answer.asking}>
      {answer.slow && <Progress onCancel={answer.cancel} />}
      {answer.answered ? (
        <div className="stack" data-stale={answer.stale || undefined}>
          {props.children(answer.answered)}
          <Meta result={answer.answered.result} />
        </div>
      ) : (
        props.skeleton
      )}
    </div>
  );
}

function Progress({ onCancel }: { onCancel: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [since] = useState(() => Date.now() - 1000);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="progress" role="status">
      <i aria-hidden="true" />
      <span>{t("analytics.running", { time: format.duration((now - since) / 1000) })}</span>
      <Button size="small" onClick={onCancel}>
        {t("action.cancel")}
      </Button>
    </div>
  );
}

/** How the answer came about. */
export function Meta({ result }: { result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [open, setOpen] = useState(false);
  const { meta } = result;
  return (
    <footer className="meta">
      <p>
        <span>{t("analytics.meta.elapsed", { time: format.duration(meta.elapsed_ms / 1000) })}</span>
        {meta.scanned_events > 0 && (
          <span title={format.num(meta.scanned_events)}>
            {t("analytics.meta.scanned", {
              count: meta.scanned_events,
              n: format.compact(meta.scanned_events),
            })}
          </span>
        )}
        {meta.fresh_to && (
          <span>
            {t("analytics.meta.fresh")} <RelativeTime at={meta.fresh_to} />
          </span>
        )}
        {meta.truncated && <span className="meta-warn">{t("analytics.meta.truncated")}</span>}
        {meta.sql && (
          <button type="button" className="meta-sql" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? <ChevronDown size={13} /> : <ChevronRight size={13} />} SQL
          </button>
        )}
      </p>
      {open && <CodeSnippet code={meta.sql} />}
    </footer>
  );
}

/** Nothing in the range; when the data lies elsewhere, the way there. */
export function EmptyRange({ title }: { title: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { q, set, range, since: first, until: last } = useFrame();
  const elsewhere = first && last && q.range !== "all" && (last < range.from || first > range.from);
  return (
    <EmptyState
      title={title}
      hint={
        first && last && elsewhere
          ? t("analytics.dataReaches", { from: format.date(first), to: format.date(last) })
          : t("analytics.emptyRange")
      }
      action={elsewhere && <Button onClick={() => set({ range: "all" })}>{t("analytics.showAll")}</Button>}
    />
  );
}

/** What belongs here, and a question out of the catalogue to begin with. */
export function StartState(props: {
  icon: ReactNode;
  title: string;
  hint: string;
  example: string | null;
  onExample: () => void;
}) {
  const { t } = useTranslation();
  return (
    <EmptyState
      icon={props.icon}
      title={props.title}
      hint={
        <>
          {props.hint}
          {props.example && <span className="example">{props.example}</span>}
        </>
      }
      action={
        props.example && (
          <Button icon={<Lightbulb size={14} />} onClick={props.onExample}>
            {t("analytics.tryExample")}
          </Button>
        )
      }
    />
  );
}

/** A figure with people behind it. */
export function Door(props: {
  onOpen: () => void;
  label?: string;
  className?: string;
  children: ReactNode;
  title?: string;
}) {
  return (
    <button
      type="button"
      className={props.className ?? "door"}
      onClick={props.onOpen}
      {...(props.label ? { "aria-label": props.label } : {})}
      {...(props.title ? { title: props.title } : {})}
    >
      {props.children}
    </button>
  );
}

/** Names of groups: a missing value has a name too. */
export function useGroupName(): (group: readonly (string | null)[]) => string {
  const { t } = useTranslation();
  const sources = useSources();
  return (group) =>
    group
      .map((g) =>
        g === null || g === "" ? t("analytics.noValue") : g.startsWith("src_") ? sources.nameOf(g) : g,
      )
      .join(" · ");
}

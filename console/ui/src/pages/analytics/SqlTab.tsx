import { Button, Dropdown, Input } from "antd";
import type { TextAreaRef } from "antd/es/input/TextArea";
import { Database, Play } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import type { Query, QueryResult } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson } from "@/lib/json";
import { useFrame } from "./frame";
import { AnswerFrame } from "./parts";
import { useAnswer } from "./useAnswer";

type SqlQuery = Extract<Query, { kind: "sql" }>;

/** The columns of the view `events`, in the order of the warehouse's documentation. */
const columns: readonly [string, string][] = [
  ["time", "TIMESTAMP"],
  ["received_at", "TIMESTAMP"],
  ["event", "TEXT"],
  ["type", "TEXT"],
  ["person", "TEXT"],
  ["source", "TEXT"],
  ["session", "TEXT"],
  ["platform", "TEXT"],
  ["os", "TEXT"],
  ["country", "TEXT"],
  ["city", "TEXT"],
  ["channel", "TEXT"],
  ["page_path", "TEXT"],
  ["utm_source", "TEXT"],
  ["utm_medium", "TEXT"],
  ["utm_campaign", "TEXT"],
  ["properties", "JSON"],
  ["context", "JSON"],
  ["message_id", "TEXT"],
  ["seq", "BIGINT"],
];

const examples = {
  events: `select event, count(*) as events, count(distinct person) as people
from events
group by event
order by events desc`,
  days: `select date_trunc('day', time) as day, count(*) as events, count(distinct person) as people
from events
where time >= now() - interval 30 day
group by day
order by day`,
  properties: `select properties->>'model' as model, count(*) as n
from events
where properties->>'model' is not null
group by model
order by n desc
limit 20`,
  hours: `select extract(hour from time) as hour, count(*) as events
from events
group by hour
order by hour`,
} as const;

export function SqlTab() {
  const { t } = useTranslation();
  const { q, set } = useFrame();
  const [text, setText] = useState(q.sql ?? "");
  const [run, setRun] = useState(q.sql ?? "");
  const area = useRef<TextAreaRef>(null);
  const query: SqlQuery | null = run.trim() ? { kind: "sql", sql: run } : null;
  const answer = useAnswer<SqlQuery>(query);
  // The address changed by other means than running: back, a link.
  const [seen, setSeen] = useState(q.sql);
  if (q.sql !== seen) {
    setSeen(q.sql);
    if (q.sql !== run) {
      setText(q.sql ?? "");
      setRun(q.sql ?? "");
    }
  }

  const start = (sql = text) => {
    const same = sql === run;
    setText(sql);
    setRun(sql);
    setSeen(sql || undefined);
    set({ sql: sql.trim() ? sql : undefined });
    if (same && query) answer.retry();
  };
  const insert = (word: string) => {
    const el = area.current?.resizableTextArea?.textArea;
    if (!el) return;
    el.focus();
    el.setRangeText(word, el.selectionStart, el.selectionEnd, "end");
    setText(el.value);
  };
  const onKeyDown = (e: KeyboardEvent<HTMLTextAreaElement>) => {
    if (e.key === "Enter" && (e.metaKey || e.ctrlKey)) {
      e.preventDefault();
      start();
    } else if (e.key === "Tab" && !e.shiftKey && !e.altKey && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      insert("  ");
    } else if (e.key === "Escape") {
      // The way out for the keyboard, since Tab writes.
      e.currentTarget.blur();
    }
  };
  const wrong = answer.error instanceof ApiError && answer.error.status === 400 ? answer.error : null;

  return (
    <div className="stack">
      <div className="sql">
        <section className="card sql-editor" aria-label={t("analytics.sql.editor")}>
          <Input.TextArea
            ref={area}
            aria-label={t("analytics.sql.statement")}
            aria-invalid={wrong !== null}
            spellCheck={false}
            autoSize={{ minRows: 9, maxRows: 24 }}
            variant="borderless"
            placeholder={examples.events}
            value={text}
            onChange={(e) => setText(e.target.value)}
            onKeyDown={onKeyDown}
          />
          {wrong && <SqlError error={wrong} area={area} sql={run} />}
          <div className="sql-foot">
            <Button type="primary" icon={<Play size={13} />} onClick={() => start()} disabled={!text.trim()}>
              {t("analytics.sql.run")}
            </Button>
            <span className="muted sql-keys">
              <kbd>⌘↵</kbd> / <kbd>Ctrl ↵</kbd>
            </span>
            <Dropdown
              trigger={["click"]}
              menu={{
                items: (Object.keys(examples) as (keyof typeof examples)[]).map((key) => ({
                  key,
                  label: t(`analytics.sql.example.${key}`),
                })),
                onClick: ({ key }) => start(examples[key as keyof typeof examples]),
              }}
            >
              <Button>{t("analytics.sql.examples")}</Button>
            </Dropdown>
            <span className="muted sql-note">{t("analytics.sql.readOnly")}</span>
          </div>
        </section>
        <aside className="card sql-schema" aria-label={t("analytics.sql.schema")}>
          <h2>
            {t("analytics.sql.schema")} <code>events</code>
          </h2>
          <ul>
            {columns.map(([name, type]) => (
              <li key={name}>
                <button
                  type="button"
                  title={t("analytics.sql.insert", { name })}
                  onClick={() => insert(name)}
                >
                  <code>{name}</code> <small>{type}</small>
                </button>
              </li>
            ))}
          </ul>
        </aside>
      </div>
      {!wrong && (
        <AnswerFrame
          answer={answer}
          asked={query !== null}
          start={
            <EmptyState
              icon={<Database />}
              title={t("analytics.sql.start")}
              hint={t("analytics.sql.startHint")}
              action={<Button onClick={() => start(examples.events)}>{t("analytics.tryExample")}</Button>}
            />
          }
          skeleton={
            <DataTable
              id="sql"
              label={t("analytics.sql.result")}
              columns={bones}
              rows={undefined}
              rowKey={() => ""}
              loading
            />
          }
        >
          {({ result }) => <SqlResult result={result} />}
        </AnswerFrame>
      )}
    </div>
  );
}

const bones: Column<object>[] = ["a", "b", "c"].map((key) => ({ key, title: "", value: () => "" }));

function SqlError(props: { error: ApiError; area: React.RefObject<TextAreaRef | null>; sql: string }) {
  const { t } = useTranslation();
  const { error } = props;
  const line = Number(/\bLINE (\d+)/i.exec(error.message)?.[1] ?? 0);
  const goTo = () => {
    const el = props.area.current?.resizableTextArea?.textArea;
    if (!el || line === 0) return;
    const before =
      el.value
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0);
    el.focus();
    el.setSelectionRange(before, before + (el.value.split("\n")[line - 1]?.length ?? 0));
  };
  if (!error.message) return <ErrorState error={error} />;
  return (
    <div className="sql-error" role="alert" data-testid="sql-error">
      <pre>{error.message}</pre>
      {error.hint && <p>{error.hint}</p>}
      {line > 0 && (
        <Button size="small" type="text" onClick={goTo}>
          {t("analytics.sql.goTo", { line })}
        </Button>
      )}
    </div>
  );
}

function SqlResult({ result }: { result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rows = useMemo(() => result.rows.map((cells, at) => ({ at, cells })), [result]);
  type Row = (typeof rows)[number];
  const shown: Column<Row>[] = result.columns.map((c, i) => ({
    key: `c${i}`,
    title: c.name,
    help: c.type,
    ...(c.type === "number" ? { align: "right" as const } : {}),
    ...(c.type === "time" ? { time: true as const } : {}),
    value: (r: Row) => r.cells[i],
    render: (r: Row) => <Cell value={r.cells[i]} type={c.type} />,
  }));
  return (
    <div>
      <DataTable
        id="sql"
        label={t("analytics.sql.result")}
        columns={shown}
        rows={rows}
        rowKey={(r) => String(r.at)}
        filters={
          <h2 className="table-title">
            {t("table.rows", { count: rows.length, n: format.num(rows.length) })}
          </h2>
        }
        empty={<EmptyState title={t("analytics.sql.noRows")} hint={t("analytics.sql.noRowsHint")} />}
      />
    </div>
  );
}

function Cell({ value, type }: { value: unknown; type: string }) {
  const format = useFormat();
  if (value === null || value === undefined) return <span className="muted">NULL</span>;
  if (type === "number" && (typeof value === "number" || typeof value === "bigint"))
    return <span className="n">{format.num(value, 6)}</span>;
  if (type === "time" && typeof value === "string")
    return (
      <span className="n" title={value}>
        {format.dateTime(value)}
      </span>
    );
  const text = typeof value === "string" ? value : formatJson(value);
  return (
    <span
      className={type === "json" ? "sql-cell mono" : "sql-cell"}
      title={text.length > 40 ? text : undefined}
    >
      {text}
    </span>
  );
}

import { Popover } from "antd";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import type { FilePreview } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { IdentifierChip } from "@/components/Pill";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useReasonLabel } from "../useReasonLabel";

type Row = FilePreview["rows"][number];
type Fields = Record<string, unknown>;

const isFields = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const textOf = (v: unknown): string =>
  v === undefined || v === null ? "" : typeof v === "object" ? formatJson(v) : String(v);
/** What a path of a mapping ("properties.page.url") holds in an event; a dot may be part of a name, too. */
function valueAt(of: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return of;
  if (!isFields(of)) return undefined;
  for (let n = path.length; n > 0; n--) {
    const name = path.slice(0, n).join(".");
    if (Object.hasOwn(of, name)) return valueAt(of[name], path.slice(n));
  }
  return undefined;
}

/** The first rows as events, each beside its cells in the file, and what they would do to people. */
export function PreviewCard(props: {
  preview: FilePreview | undefined;
  error: unknown;
  loading: boolean;
  onRetry: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { preview } = props;
  const hidden = preview ? preview.looked_bad - preview.bad : 0;
  return (
    <section
      className="card preview-card"
      aria-busy={props.loading}
      data-stale={props.error ? true : undefined}
    >
      <div className="card-head">
        <h2>
          {t("importFile.preview.title")}{" "}
          {preview && <small>{t("importFile.preview.first", { n: format.num(preview.rows.length) })}</small>}
        </h2>
      </div>
      {props.error !== null && props.error !== undefined && (
        <PreviewError error={props.error} stale={preview !== undefined} onRetry={props.onRetry} />
      )}
      {preview && (
        <>
          <dl className="facts card-pad">
            {(
              [
                ["created", preview.persons?.persons_created],
                ["matched", preview.persons?.persons_matched],
                ["merged", preview.persons?.persons_merged],
                ["badRows", preview.looked_bad],
              ] as const
            ).map(([key, n]) => (
              <div key={key} data-bad={key === "badRows" && n ? true : undefined}>
                <dt>{t(`importFile.preview.${key}`)}</dt>
                <dd>{n === undefined ? "–" : format.num(n)}</dd>
              </div>
            ))}
            <div className="facts-note muted">
              {t("importFile.preview.looked", { n: format.num(preview.looked) })}
              {hidden > 0 && ` · ${t("importFile.preview.more", { n: format.num(hidden) })}`}
            </div>
          </dl>
          {preview.rows.length === 0 ? (
            <EmptyState title={t("importFile.preview.empty")} />
          ) : (
            <PreviewTable preview={preview} />
          )}
        </>
      )}
      {!preview && !props.error && <div className="preview-bones" />}
    </section>
  );
}

/** A mapping that cannot be read says so in place; anything else is trouble on the way. */
function PreviewError(props: { error: unknown; stale: boolean; onRetry: () => void }) {
  const { t } = useTranslation();
  const { error } = props;
  if (!(error instanceof ApiError) || error.status >= 500)
    return <ErrorState error={error} onRetry={props.onRetry} />;
  return (
    <div className="notice" data-bad role="alert">
      <span>
        <b>{error.message}</b>
        {error.hint && <small>{error.hint}</small>}
        {props.stale && <small className="muted">{t("importFile.preview.stale")}</small>}
      </span>
    </div>
  );
}

function PreviewTable({ preview }: { preview: FilePreview }) {
  const { t } = useTranslation();
  const fields = preview.origins.filter((o) => /^(properties|traits|context)\./.test(o.path));
  const origin = (path: string) => {
    const o = preview.origins.find((x) => x.path === path);
    if (!o) return "";
    return o.columns.length > 0
      ? t("importFile.preview.from", { columns: o.columns.join(", ") })
      : t("importFile.preview.fixed");
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div className="preview-scroll" tabIndex={0}>
      <table className="preview-table">
        <thead>
          <tr>
            <th rowSpan={2} className="num">
              {t("importFile.preview.row")}
            </th>
            <th colSpan={3 + fields.length} className="group">
              {t("importFile.preview.asEvent")}
            </th>
            <th colSpan={preview.columns.length} className="group raw">
              {t("importFile.preview.raw")}
            </th>
          </tr>
          <tr>
            <th title={origin("event")}>{t("importFile.preview.event")}</th>
            <th title={origin("time")}>{t("importFile.preview.time")}</th>
            <th>{t("importFile.preview.identifiers")}</th>
            {fields.map((f) => (
              <th key={f.path} title={origin(f.path)}>
                {f.path.replace(/^[a-z]+\./, "")}
                <small>{origin(f.path)}</small>
              </th>
            ))}
            {preview.columns.map((c) => (
              <th key={c} className="raw" title={c}>
                {c}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row) => (
            <tr key={row.row} data-bad={row.event ? undefined : true}>
              <td className="num muted">{row.row}</td>
              {row.event ? (
                <EventCells row={row} fields={fields} />
              ) : (
                <BadCell row={row} span={3 + fields.length} />
              )}
              {preview.columns.map((c) => {
                const text = textOf(isFields(row.raw) ? row.raw[c] : undefined);
                return (
                  <td key={c} className="raw" title={text}>
                    {text}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function EventCells({ row, fields }: { row: Row; fields: FilePreview["origins"] }) {
  const labels = useLabels();
  const e = row.event;
  if (!e) return null;
  return (
    <>
      <td title={e.event}>{labels.event(e.event ?? e.type)}</td>
      <td className="mono">{e.time.replace("T", " ").replace(/(\.000)?Z$/, " UTC")}</td>
      <td>
        <span className="row">
          {e.identifiers?.map((i) => (
            <IdentifierChip
              key={i.kind}
              kind={i.kind}
              value={i.value}
              label={labels.identifierKind(i.kind)}
            />
          ))}
        </span>
      </td>
      {fields.map((f) => {
        const value = valueAt(e, f.path.split("."));
        const figure = typeof value === "number" || typeof value === "bigint";
        return (
          <td key={f.path} title={textOf(value)} className={figure ? "num" : undefined}>
            {value === undefined || value === null ? <span className="muted">–</span> : textOf(value)}
          </td>
        );
      })}
    </>
  );
}

function BadCell({ row, span }: { row: Row; span: number }) {
  const { t } = useTranslation();
  const label = useReasonLabel();
  return (
    <td colSpan={span} className="bad-cell">
      <Popover content={row.reason} trigger={["hover", "click"]}>
        <span>
          {t("importFile.preview.bad", { reason: row.code ? label(row.code) : row.reason })}
          {row.code && row.reason && <small> · {row.reason}</small>}
        </span>
      </Popover>
    </td>
  );
}

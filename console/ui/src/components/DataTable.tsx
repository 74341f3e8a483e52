import { Button, Checkbox, Dropdown, Table, type TableProps, Tooltip } from "antd";
import { Columns3, Download } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { fitColumns, useRoom } from "@/lib/columns";
import { type CsvColumn, csvTime, downloadCsv, tableCsv } from "@/lib/csv";
import { setPreferences, usePreferences } from "@/lib/prefs";
import { compareValues, parseSort, sortParam } from "@/lib/sort";
import { useSearchSort } from "@/lib/useSearchSort";
import { EmptyState, ErrorState } from "./states";
import "./table.css";

export interface Column<T> {
  key: string;
  title: string;
  /** What the cell is about: used for sorting and for the CSV file. */
  value: (row: T) => unknown;
  /** How the cell looks; without it the value is shown. */
  render?: (row: T) => ReactNode;
  /** Numbers stand right. */
  align?: "right";
  /** Its width where there is just enough room, in px; what is left over is shared. Long texts end in an ellipsis. */
  width?: number;
  sortable?: boolean;
  /** Not shown until someone picks it. */
  optional?: boolean;
  /** The value is a time: exported by the workspace's clocks, or as a day alone. */
  time?: true | "day";
  /** What stands in the CSV file instead, when it is several columns there. */
  csv?: (rows: readonly T[]) => CsvColumn<T>[];
  /** What the column means, on hover of its head. */
  help?: string;
}

export interface DataTableProps<T> {
  /** Names the table in preferences and in the exported file. */
  id: string;
  /** For screen readers: what the rows are. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[] | undefined;
  rowKey: (row: T) => string;
  loading?: boolean;
  error?: unknown;
  onRetry?: () => void;
  /** Shown instead of an empty table. */
  empty?: ReactNode;
  /** Enter or click on a row. */
  onOpen?: (row: T) => void;
  /** The row whose details are open. */
  openKey?: string | undefined;
  /** Filters, on the left above the table. */
  filters?: ReactNode;
  /** More buttons, on the right above the table. */
  tools?: ReactNode;
  more?: { has: boolean; loading: boolean; load: () => void };
  selection?: { keys: string[]; onChange: (keys: string[]) => void };
  /** The order before anyone clicks, as in "-count". The chosen one is in the address (?sort=). */
  defaultSort?: string;
  /** Without the bar above: for small tables inside a card. */
  plain?: boolean;
  /** Rows are people: who may not export lists of them gets no file. */
  ofPeople?: boolean;
}

/** Every list of the console: sticky head and first column, sorting, column picker, CSV, keyboard, one kind of states. */
export function DataTable<T extends object>(props: DataTableProps<T>) {
  const mayExport = useMay("people:export") || !props.ofPeople;
  const { t } = useTranslation();
  const format = useFormat();
  const { hidden: hiddenByTable } = usePreferences();
  const [sortFromAddress, setSort] = useSearchSort(!props.plain);
  const sort = parseSort(sortFromAddress ?? props.defaultSort);
  const hidden = hiddenByTable[props.id] ?? props.columns.filter((c) => c.optional).map((c) => c.key);
  const shown = props.columns.filter((c, i) => i === 0 || !hidden.includes(c.key));
  const sortColumn = props.columns.find((c) => c.key === sort?.key);

  const rows = useMemo(() => {
    if (!props.rows || !sortColumn || !sort) return props.rows ?? [];
    const sign = sort.descending ? -1 : 1;
    return [...props.rows].sort(
      (a, b) => sign * compareValues(sortColumn.value(a), sortColumn.value(b), format.lang),
    );
  }, [props.rows, sortColumn, sort, format.lang]);

  const skeleton = props.loading === true && !props.rows;
  const isEmpty = !skeleton && rows.length === 0;
  const box = useRef<HTMLDivElement>(null);
  const failed = Boolean(props.error && !props.rows);
  const room = useRoom(box, !props.plain && !isEmpty && !failed);
  const widths = fitColumns(shown, room && room - (props.selection ? 40 : 0));
  const columns: TableProps<T>["columns"] = shown.map((c, i) => ({
    key: c.key,
    title: c.help ? (
      <Tooltip title={c.help}>
        <span className="table-help">{c.title}</span>
      </Tooltip>
    ) : (
      <span title={c.title}>{c.title}</span>
    ),
    align: c.align,
    ...(props.plain ? (c.width ? { width: c.width } : {}) : { width: widths[i] ?? 0 }),
    fixed: i === 0 && shown.length > 3 && !props.plain ? "start" : undefined,
    className: c.align === "right" ? "num" : "",
    sorter: c.sortable !== false && !skeleton,
    showSorterTooltip: false,
    sortDirections: c.align === "right" ? ["descend", "ascend"] : ["ascend", "descend"],
    sortOrder: sort?.key === c.key ? (sort.descending ? "descend" : "ascend") : null,
    render: (_: unknown, row: T, index: number) =>
      skeleton ? (
        <span className="bone" style={{ width: `${[64, 48, 80, 56][(index + i) % 4]}%` }} />
      ) : c.render ? (
        c.render(row)
      ) : (
        String(c.value(row) ?? "–")
      ),
  }));

  function exportCsv() {
    downloadCsv(
      `touchstone-${props.id}-${format.dayKey(Date.now())}`,
      tableCsv(
        shown.flatMap((c) => csvColumns(c, rows, format.timeZone)),
        rows,
      ),
    );
  }

  if (failed) {
    return (
      <>
        {props.filters && <div className="bar">{props.filters}</div>}
        <div className="card">
          <ErrorState error={props.error} onRetry={props.onRetry} />
        </div>
      </>
    );
  }

  return (
    <>
      {!props.plain && (
        <div className="bar table-bar">
          {props.filters}
          <span className="table-tools">
            {props.tools}
            {!isEmpty && (
              <>
                <ColumnPicker columns={props.columns} hidden={hidden} id={props.id} />
                <Tooltip title={t(mayExport ? "table.export" : "table.exportNot")}>
                  <Button
                    type="text"
                    icon={<Download size={15} />}
                    aria-label={t("table.export")}
                    onClick={exportCsv}
                    disabled={skeleton || !mayExport}
                  />
                </Tooltip>
              </>
            )}
          </span>
        </div>
      )}
      {isEmpty ? (
        <div className={props.plain ? "" : "card"}>
          {props.empty ?? <EmptyState title={t("table.empty")} hint={t("table.emptyHint")} />}
        </div>
      ) : (
        <div ref={box} className={props.plain ? "table table-plain" : "card table"}>
          <Table<T>
            aria-label={t("table.label", { what: props.label })}
            aria-busy={skeleton}
            size="middle"
            columns={columns}
            // Rows are flat; a field "children" of a row is the row's own affair, not rows inside of it.
            expandable={{ childrenColumnName: "\u0000none" }}
            dataSource={skeleton ? placeholderRows<T>() : rows}
            rowKey={(row) => (skeleton ? String((row as { skeleton: number }).skeleton) : props.rowKey(row))}
            pagination={false}
            sticky={!props.plain}
            // A small table wraps its texts. A large one gives each column its share whatever stands in it: one long
            // name pushes no column off the page. It scrolls sideways, under its first column, only when the shares
            // themselves do not fit.
            {...(props.plain
              ? {}
              : { tableLayout: "fixed" as const, scroll: { x: widths.reduce((a, b) => a + b, 0) } })}
            onChange={(_p, _f, sorter) => {
              const s = Array.isArray(sorter) ? sorter[0] : sorter;
              setSort(s?.order ? sortParam(String(s.columnKey), s.order === "descend") : undefined);
            }}
            rowSelection={
              props.selection && !skeleton
                ? {
                    selectedRowKeys: props.selection.keys,
                    onChange: (keys) => props.selection?.onChange(keys.map(String)),
                    columnWidth: 40,
                    fixed: true,
                  }
                : undefined
            }
            rowClassName={(row) => (!skeleton && props.openKey === props.rowKey(row) ? "row-open" : "")}
            onRow={(row) =>
              props.onOpen && !skeleton
                ? {
                    tabIndex: 0,
                    onClick: (e) => {
                      if (!(e.target as HTMLElement).closest("a,button,input,label,.ant-checkbox-wrapper"))
                        props.onOpen?.(row);
                    },
                    onKeyDown: (e) => rowKey(e, () => props.onOpen?.(row)),
                  }
                : {}
            }
          />
          {props.more && (props.more.has || rows.length > 50) && (
            <div className="table-more">
              <span className="muted">
                {props.more.has ? t("table.loaded", { n: format.num(rows.length) }) : t("table.end")}
              </span>
              {props.more.has && (
                <Button size="small" loading={props.more.loading} onClick={props.more.load}>
                  {t("action.more")}
                </Button>
              )}
            </div>
          )}
        </div>
      )}
    </>
  );
}

function csvColumns<T>(c: Column<T>, rows: readonly T[], timeZone: string): CsvColumn<T>[] {
  if (c.csv) return c.csv(rows);
  if (!c.time) return [c];
  const only = c.time === "day" ? c.time : undefined;
  return [{ title: c.title, value: (r) => csvTime(c.value(r), timeZone, only) }];
}

function ColumnPicker<T>({
  columns,
  hidden,
  id,
}: {
  columns: readonly Column<T>[];
  hidden: string[];
  id: string;
}) {
  const { t } = useTranslation();
  const { hidden: all } = usePreferences();
  const set = (keys: string[]) => setPreferences({ hidden: { ...all, [id]: keys } });
  return (
    <Dropdown
      trigger={["click"]}
      placement="bottomRight"
      popupRender={() => (
        <div className="popup">
          {columns.slice(1).map((c) => (
            <Checkbox
              key={c.key}
              checked={!hidden.includes(c.key)}
              onChange={(e) => set(e.target.checked ? hidden.filter((k) => k !== c.key) : [...hidden, c.key])}
            >
              {c.title}
            </Checkbox>
          ))}
          <Button size="small" type="text" disabled={hidden.length === 0} onClick={() => set([])}>
            {t("table.allColumns")}
          </Button>
        </div>
      )}
    >
      <Tooltip title={t("table.columns")}>
        <Button type="text" icon={<Columns3 size={15} />} aria-label={t("table.columns")} />
      </Tooltip>
    </Dropdown>
  );
}

/** Enter opens, arrows walk. */
function rowKey(e: KeyboardEvent<HTMLElement>, open: () => void): void {
  if (e.target !== e.currentTarget) return;
  const row = e.currentTarget;
  if (e.key === "Enter" || e.key === " ") {
    e.preventDefault();
    open();
  } else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    e.preventDefault();
    const next = e.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
    if (next instanceof HTMLElement && next.tabIndex === 0) next.focus();
  }
}

function placeholderRows<T>(): T[] {
  return Array.from({ length: 8 }, (_, skeleton) => ({ skeleton }) as T);
}

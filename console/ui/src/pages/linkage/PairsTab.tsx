import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Segmented } from "antd";
import { CircleCheckBig, Merge } from "lucide-react";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { isTyping } from "@/app/shortcuts";
import { EmptyState, ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { PairDetail } from "./PairDetail";
import { type Linkage, type Pair, pairsQuery } from "./queries";
import { StartRun } from "./Run";
import { type PairState, pairStates } from "./search";
import { useLinkageWords } from "./words";

const route = getRouteApi("/shell/linkage");

/** The pairs of a state beside the one that is open. Arrows, or j and k, go through them. */
export function PairsTab({ overview }: { overview: Linkage | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { state = "review", pair } = route.useSearch();
  const setSearch = useSetSearch();
  const mayRun = useMay("identity:write");
  const pages = usePages(useInfiniteQuery(pairsQuery(state)));
  const rows = pages.rows;
  const at = Math.max(0, rows?.findIndex((p) => p.id === pair) ?? 0);
  const open = rows?.find((p) => p.id === pair) ?? rows?.[0];
  const go = useMemo(
    () => (step: number) => {
      const next = rows?.[Math.min(rows.length - 1, Math.max(0, at + step))];
      if (next) setSearch({ pair: next.id });
      if (pages.more.has && rows && at + step >= rows.length - 5) pages.more.load();
    },
    [rows, at, setSearch, pages.more],
  );
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || isTyping(e.target) || e.metaKey || e.ctrlKey || e.altKey) return;
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key];
      if (step === undefined) return;
      e.preventDefault();
      go(step);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [go]);

  const counts = overview?.counts;
  const neverRan = overview?.model === null;
  return (
    <div className="stack">
      <Segmented<PairState>
        className="linkage-states"
        value={state}
        onChange={(s) => setSearch({ state: s === "review" ? undefined : s, pair: undefined })}
        options={pairStates.map((s) => ({
          value: s,
          label: (
            <span>
              {t(`linkage.state.${s}`)}{" "}
              <small className="muted num">{counts ? format.num(counts[s]) : ""}</small>
            </span>
          ),
        }))}
      />
      {pages.error && !rows ? (
        <ErrorState error={pages.error} onRetry={pages.onRetry} />
      ) : rows?.length === 0 ? (
        <section className="card">
          {neverRan ? (
            <EmptyState
              icon={<Merge />}
              title={t("linkage.empty.never")}
              hint={t("linkage.empty.neverHint")}
              action={mayRun && <StartRun first />}
            />
          ) : (
            <EmptyState
              icon={<CircleCheckBig />}
              title={t(`linkage.empty.${state}`)}
              hint={state === "review" ? t("linkage.empty.reviewHint") : undefined}
            />
          )}
        </section>
      ) : (
        <div className="linkage-pairs">
          <section className="card linkage-list" aria-label={t(`linkage.state.${state}`)}>
            <ul aria-busy={pages.loading}>
              {rows?.map((p) => (
                <PairRow
                  key={p.id}
                  pair={p}
                  open={p.id === open?.id}
                  onOpen={() => setSearch({ pair: p.id })}
                />
              ))}
              {!rows &&
                [1, 2, 3, 4, 5, 6].map((n) => (
                  <li key={n} className="linkage-bone">
                    <span className="bone" style={{ width: `${40 + 7 * n}%` }} />
                  </li>
                ))}
            </ul>
            {pages.more.has && (
              <Button type="text" block loading={pages.more.loading} onClick={pages.more.load}>
                {t("action.more")}
              </Button>
            )}
          </section>
          {open && <PairDetail key={open.id} id={open.id} onDone={() => go(1)} />}
        </div>
      )}
    </div>
  );
}

function PairRow({ pair, open, onOpen }: { pair: Pair; open: boolean; onOpen: () => void }) {
  const labels = useLabels();
  const words = useLinkageWords();
  const names = pair.persons.map((p) => labels.person(p));
  return (
    <li>
      <button
        type="button"
        className="linkage-row"
        aria-current={open ? "true" : undefined}
        onClick={onOpen}
        ref={(el) => {
          if (open) el?.scrollIntoView({ block: "nearest" });
        }}
      >
        <span className="linkage-names" title={names.join(" · ")}>
          <span className="ellipsis">{names[0]}</span>
          <span className="ellipsis muted">{names[1]}</span>
        </span>
        <span className="num">{words.chance(pair.chance)}</span>
      </button>
    </li>
  );
}

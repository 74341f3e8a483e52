import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, App, Button, Tooltip } from "antd";
import { Check, RotateCcw, X } from "lucide-react";
import { type ComponentProps, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { isTyping } from "@/app/shortcuts";
import { PersonLink } from "@/components/PersonLink";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useWrite } from "@/lib/useWrite";
import { type Compared, type Pair, pairQuery } from "./queries";
import { useLinkageWords } from "./words";

type Decision = "link" | "reject" | "review";

/** Two persons side by side, what speaks for and against their being one, and the decision. */
export function PairDetail({ id, onDone }: { id: string; onDone: () => void }) {
  const query = useQuery(pairQuery(id));
  if (query.error && !query.data)
    return (
      <section className="card linkage-detail">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </section>
    );
  if (!query.data)
    return (
      <section className="card card-pad linkage-detail stack" aria-busy="true">
        {[50, 80, 70, 75, 60].map((w) => (
          <span key={w} className="bone" style={{ width: `${w}%` }} />
        ))}
      </section>
    );
  return <Body pair={query.data} onDone={onDone} />;
}

function useDecide(pair: Pair, onDone: () => void) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  return useWrite({
    mutationFn: (decision: Decision) =>
      data(
        api.POST("/api/v1/linkage/pairs/{id}/decide", {
          params: { path: { id: pair.id }, header: { ...idempotencyKey(), "If-Match": pair.etag } },
          body: { decision },
        }),
      ),
    onSuccess: (done, decision) => {
      client.setQueryData(["linkage", "pair", pair.id], done);
      if (decision === "link" && done.state === "refused") message.warning(t("linkage.refused"));
      else message.success(t(`linkage.done.${decision}`));
      onDone();
      void client.invalidateQueries({ queryKey: ["linkage", "pairs"] });
      void client.invalidateQueries({ queryKey: ["linkage", "overview"] });
      void client.invalidateQueries({ queryKey: ["persons"] });
    },
    onSettled: (_, error) => {
      if (error) void client.invalidateQueries({ queryKey: ["linkage"] });
    },
  });
}

function Body({ pair, onDone }: { pair: Pair; onDone: () => void }) {
  const { t } = useTranslation();
  const words = useLinkageWords();
  const may = useMay("people:write");
  const decide = useDecide(pair, onDone);
  const open = pair.state === "review" || pair.state === "refused";
  const latest = useRef(decide.mutate);
  latest.current = decide.mutate;
  const busy = decide.isPending;
  useEffect(() => {
    if (!may || !open || busy) return;
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.repeat || isTyping(e.target) || e.metaKey || e.ctrlKey || e.altKey) return;
      const decision = ({ y: "link", n: "reject" } as const)[e.key.toLowerCase()];
      if (!decision) return;
      e.preventDefault();
      latest.current(decision);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [may, open, busy]);
  const shown = (pair.compared ?? []).filter((c) => c.values.some((v) => v.length > 0) || c.bits !== 0);
  const most = Math.max(8, ...shown.map((c) => Math.abs(c.bits)));
  return (
    <section className="card linkage-detail" data-testid="pair">
      <header className="linkage-head">
        <div>
          <h2>
            {pair.state === "linked"
              ? t("linkage.isOne")
              : t("linkage.chance", { chance: words.chance(pair.chance) })}
          </h2>
          <p className="muted">{words.verdict(pair)}</p>
        </div>
        {may && open && (
          <div className="page-actions">
            <Button icon={<X size={15} />} disabled={busy} onClick={() => decide.mutate("reject")}>
              {t("linkage.reject")} <kbd>n</kbd>
            </Button>
            <Button
              type="primary"
              icon={<Check size={15} />}
              loading={busy && decide.variables === "link"}
              disabled={busy}
              onClick={() => decide.mutate("link")}
            >
              {t("linkage.link")} <kbd>y</kbd>
            </Button>
          </div>
        )}
        {may && pair.state === "rejected" && (
          <Button icon={<RotateCcw size={14} />} loading={busy} onClick={() => decide.mutate("review")}>
            {t("linkage.back")}
          </Button>
        )}
      </header>
      {pair.refusal && (
        <Alert type="warning" showIcon title={t("linkage.refused")} description={pair.refusal} />
      )}
      <table className="linkage-table" aria-label={t("linkage.evidence")}>
        <thead>
          <tr>
            <td />
            {pair.persons.map((p, i) => (
              // The two sides may be one person by now.
              // biome-ignore lint/suspicious/noArrayIndexKey: there are always two, in this order
              <th key={i}>
                <PersonLink person={p} avatar />
              </th>
            ))}
            <th>{t("linkage.says")}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((c) => (
            <EvidenceRow key={c.name} compared={c} most={most} />
          ))}
          {(pair.relatives ?? 0) < -0.5 && (
            <tr>
              <th className="muted">{t("linkage.relatives")}</th>
              <td colSpan={2} className="muted linkage-value">
                {t("linkage.relativesHint")}
              </td>
              <td className="linkage-says">
                <Bar bits={pair.relatives ?? 0} most={most} />
              </td>
            </tr>
          )}
        </tbody>
      </table>
      <footer className="muted linkage-foot">
        {t("linkage.found")} <RelativeTime at={pair.found_at} />
        {pair.decided_at && (
          <>
            {" · "}
            {pair.decided_by === "model" ? t("linkage.byModel") : t("linkage.byHand")}{" "}
            <RelativeTime at={pair.decided_at} />
          </>
        )}
      </footer>
    </section>
  );
}

/** How much something speaks for (right) or against (left) the two being one. */
function Bar({ bits, most, ref, ...rest }: { bits: number; most: number } & ComponentProps<"span">) {
  const width = `${Math.min(1, Math.abs(bits) / most) * 50}%`;
  return (
    <span ref={ref} {...rest} className="linkage-bar" data-sign={Math.sign(bits)}>
      <i style={bits >= 0 ? { left: "50%", width } : { right: "50%", width }} />
    </span>
  );
}

function EvidenceRow({ compared, most }: { compared: Compared; most: number }) {
  const { t } = useTranslation();
  const words = useLinkageWords();
  const silent = compared.values.some((v) => v.length === 0);
  return (
    <tr>
      <th className="muted">{words.column(compared.name)}</th>
      {compared.values.map((v, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: there are always two, in this order
        <td key={i} className="linkage-value">
          {v.length > 0 ? v.join(", ") : <span className="muted">–</span>}
        </td>
      ))}
      <td className="linkage-says">
        <Tooltip title={compared.bits !== 0 ? words.odds(compared) : undefined}>
          <Bar bits={compared.bits} most={most} />
        </Tooltip>
        <small>
          {silent && compared.bits === 0 ? t("linkage.silent") : words.level(compared.level)}
          {compared.rarity > 2 && <span className="muted"> · {t("linkage.rare")}</span>}
          {compared.rarity < -1 && compared.bits < 6 && (
            <span className="muted"> · {t("linkage.frequent")}</span>
          )}
        </small>
      </td>
    </tr>
  );
}

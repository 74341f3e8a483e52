import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import type { Rule } from "@/api/types";
import { useMay } from "@/app/session";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { useWrite } from "@/lib/useWrite";
import { type Cycle, type CycleDefinition, cycleCompareQuery, cycleVersionsQuery } from "./queries";

/** What decides now, in words; and who wrote which version, in what it differs from the one before, and the ways back. */
export function Versions({ cycle }: { cycle: Cycle }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay("stages:write");
  const [shown, setShown] = useState(0);
  const query = useQuery(cycleVersionsQuery(cycle.id));
  const back = useWrite({
    mutationFn: (version: number) =>
      data(
        api.POST("/api/v1/stages/{id}/rollback", {
          params: { path: { id: cycle.id }, header: idempotencyKey() },
          body: { version },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["stages"] }),
  });
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div className="stack">
      <section className="card card-pad">
        <Words definition={cycle.definition} />
      </section>
      <section className="card card-pad">
        <ul className="stack">
          {query.data?.items.map((v, i) => {
            const before = query.data.items[i + 1]?.version ?? 0;
            return (
              <li key={v.version}>
                <div className="row">
                  <strong>{t("stages.version", { n: v.version })}</strong>
                  {v.note && <span>{v.note}</span>}
                  {before > 0 && (
                    <button
                      type="button"
                      className="door"
                      onClick={() => setShown(shown === v.version ? 0 : v.version)}
                    >
                      {t("stages.compare")}
                    </button>
                  )}
                  {may && v.version !== cycle.version && (
                    <Button size="small" loading={back.isPending} onClick={() => back.mutate(v.version)}>
                      {t("stages.rollback")}
                    </Button>
                  )}
                  <span className="muted push-right">
                    {v.author_name || v.author} · <ExactTime at={v.written_at} />
                  </span>
                </div>
                {shown === v.version && <Differences id={cycle.id} from={before} to={v.version} />}
              </li>
            );
          })}
        </ul>
      </section>
    </div>
  );
}

/** The stages in order, each with its rule as a sentence. */
function Words({ definition }: { definition: CycleDefinition }) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const { stages, lost } = definition;
  return (
    <ol className="stage-words">
      {stages.map((s) => (
        <li key={s.key}>
          <strong>{s.name}</strong> <code>{s.key}</code>
          {s.falls && <small className="muted"> · {t("stages.falls")}</small>}
          <div>{words.rule(s.rule as Rule)}</div>
        </li>
      ))}
      {lost && (
        <li key={lost.key} className="muted">
          <strong>{lost.name}</strong> <code>{lost.key}</code>
          {lost.from && (
            <small>
              {" "}
              · {t("stages.lostFrom", { stage: stages.find((s) => s.key === lost.from)?.name ?? lost.from })}
            </small>
          )}
          {lost.restart && <small> · {t("stages.restart")}</small>}
          <div>{words.rule(lost.rule as Rule)}</div>
        </li>
      )}
    </ol>
  );
}

function Differences({ id, from, to }: { id: string; from: number; to: number }) {
  const { t } = useTranslation();
  const query = useQuery(cycleCompareQuery(id, from, to));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <span className="bone" style={{ width: "60%" }} />;
  if (query.data.items.length === 0) return <p className="muted">{t("stages.same")}</p>;
  return (
    <dl className="pairs">
      {query.data.items.map((d) => (
        <div key={d.path} style={{ display: "contents" }}>
          <dt>
            <code>{d.path}</code>
          </dt>
          <dd>
            <Value value={d.old} /> → <Value value={d.new} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

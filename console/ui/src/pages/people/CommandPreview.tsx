import { useQuery } from "@tanstack/react-query";
import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";
import { useFormat } from "@/app/appearance";
import { IdentifierChip, Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { movesOf } from "./interventions";

export type PreviewPerson = components["schemas"]["IdentityPreviewPerson"];
/** Asks the server what a command would do. It is asked once: the server holds its writes for as long. */
const asked = { staleTime: 30_000, refetchOnWindowFocus: false, retry: false } as const;

export const useSplitPreview = (ref: string, identifiers: string[]) =>
  useQuery({
    ...asked,
    queryKey: ["identity", "preview", "split", ref, identifiers],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/persons/{ref}/split/preview", {
          signal,
          params: { path: { ref } },
          body: { identifiers },
        }),
      ),
  });

export const useMergePreview = (ref: string, other: string, over_limits: boolean, enabled: boolean) =>
  useQuery({
    ...asked,
    queryKey: ["identity", "preview", "merge", ref, other, over_limits],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/persons/{ref}/merge/preview", {
          signal,
          params: { path: { ref } },
          body: { other, over_limits },
        }),
      ),
    enabled,
  });

/** Who would have which identifiers, events, traits and segments, before anything is done. */
export function CommandPreview({ preview }: { preview: ReturnType<typeof useSplitPreview> }) {
  const { t } = useTranslation();
  const p = preview.data;
  if (preview.error) return <ErrorState error={preview.error} onRetry={() => void preview.refetch()} />;
  if (!p) return <div className="preview-waits" aria-busy="true" />;
  if (p.refused) return <Alert type="error" title={t("people.preview.refused")} description={p.refused} />;
  const before = new Map(p.before.map((x) => [x.id, x]));
  return (
    <div className="two-persons" data-preview={p.after.length}>
      {p.after.map((x) => (
        <After key={x.id} person={x} before={p.before} stays={before.has(x.id)} />
      ))}
    </div>
  );
}

const listed = 30;

function After({
  person: p,
  before,
  stays,
}: {
  person: PreviewPerson;
  before: PreviewPerson[];
  stays: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const moves = movesOf(p, before);
  const traits = Object.entries(p.traits).slice(0, 12);
  return (
    <section className="card">
      <div className="card-head">
        <h2 className="ellipsis" title={p.id}>
          {stays ? p.id : t("people.preview.new")}
        </h2>
        <small className="muted nowrap">
          {t("people.timeline.count", { count: p.events, n: format.num(p.events) })}
        </small>
      </div>
      <ul className="aside-list">
        {strongestFirst(p.identifiers)
          .slice(0, listed)
          .map((i) => (
            <li key={i.kind + i.value}>
              <IdentifierChip kind={i.kind} value={i.value} label={labels.identifierKind(i.kind)} />
            </li>
          ))}
        {p.identifiers.length + p.more > listed && (
          <li className="muted">
            {t("people.more", { n: format.num(p.identifiers.length + p.more - listed) })}
          </li>
        )}
      </ul>
      {p.foretold ? (
        <>
          {traits.length > 0 && (
            <dl className="preview-traits">
              {traits.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <Value value={value} />
                  </dd>
                </div>
              ))}
            </dl>
          )}
          <div className="preview-segments">
            {moves.map((m) => (
              <Pill key={m.id} tone={m.how === "enters" ? "good" : m.how === "leaves" ? "bad" : "plain"}>
                {m.how === "stays" ? m.name : t(`people.preview.${m.how}`, { name: m.name })}
              </Pill>
            ))}
            {p.unsure.map((s) => (
              <Pill key={s.id}>{t("people.preview.unsure", { name: s.name })}</Pill>
            ))}
            {moves.length + p.unsure.length === 0 && (
              <small className="muted">{t("people.segmentsEmpty")}</small>
            )}
          </div>
        </>
      ) : (
        <p className="muted card-pad preview-note">{t("people.preview.later")}</p>
      )}
    </section>
  );
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { useWrite } from "@/lib/useWrite";
import { compareQuery, type Tag, versionsQuery } from "./queries";

/** Who wrote and who approved each version, in what it differs from the one before, and the ways back. */
export function Versions({ tag }: { tag: Tag }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [mayWrite, mayApprove] = [useMay("tags:write"), useMay("tags:approve")];
  const [shown, setShown] = useState(0);
  const query = useQuery(versionsQuery(tag.id));
  const path = { id: tag.id };
  const done = () => client.invalidateQueries({ queryKey: ["tags"] });
  const approve = useWrite({
    mutationFn: (v: { version: number; written_at: string }) =>
      data(api.POST("/api/v1/tags/{id}/approve", { params: { path, header: idempotencyKey() }, body: v })),
    onSuccess: async () => {
      message.success(t("tags.approved"));
      await done();
    },
  });
  const back = useWrite({
    mutationFn: (version: number) =>
      data(
        api.POST("/api/v1/tags/{id}/rollback", {
          params: { path, header: idempotencyKey() },
          body: { version },
        }),
      ),
    onSuccess: done,
  });
  const discard = useWrite({
    mutationFn: () =>
      data(api.DELETE("/api/v1/tags/{id}/draft", { params: { path, header: idempotencyKey() } })),
    onSuccess: done,
  });
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <ul className="stack">
      {query.data?.items.map((v, i) => {
        const before = query.data.items[i + 1]?.version ?? 0;
        return (
          <li key={v.version}>
            <div className="row">
              <strong>{t("tags.version", { n: v.version })}</strong>
              {v.note && <span>{v.note}</span>}
              <span className="muted push-right">
                {v.author_name || v.author} · <ExactTime at={v.written_at} />
              </span>
            </div>
            <div className="row">
              {v.approved_at ? (
                <span className="muted">{t("tags.approvedBy", { name: v.approver_name || v.approver })}</span>
              ) : (
                <>
                  {mayApprove && (
                    <Button
                      type="primary"
                      size="small"
                      loading={approve.isPending}
                      onClick={() => approve.mutate({ version: v.version, written_at: v.written_at })}
                    >
                      {t("tags.approve")}
                    </Button>
                  )}
                  {mayWrite && tag.approved > 0 && (
                    <Button size="small" loading={discard.isPending} onClick={() => discard.mutate()}>
                      {t("tags.discard")}
                    </Button>
                  )}
                </>
              )}
              {before > 0 && (
                <button
                  type="button"
                  className="door"
                  onClick={() => setShown(shown === v.version ? 0 : v.version)}
                >
                  {t("tags.compare")}
                </button>
              )}
              {mayWrite && v.approved_at && v.version !== tag.approved && (
                <Button size="small" loading={back.isPending} onClick={() => back.mutate(v.version)}>
                  {t("tags.rollback")}
                </Button>
              )}
            </div>
            {shown === v.version && <Differences id={tag.id} from={before} to={v.version} />}
          </li>
        );
      })}
    </ul>
  );
}

function Differences({ id, from, to }: { id: string; from: number; to: number }) {
  const { t } = useTranslation();
  const query = useQuery(compareQuery(id, from, to));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <span className="bone" style={{ width: "60%" }} />;
  if (query.data.items.length === 0) return <p className="muted">{t("tags.same")}</p>;
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

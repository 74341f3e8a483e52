import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, idempotencyKey } from "@/api/client";
import { ErrorState } from "@/components/states";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { DifferenceList, emptyDocument, useSourceNames } from "./parts";
import { type OpenPlan, opened, planQuery, revisionsQuery } from "./queries";

/** What is new since the last revision, in words, before it holds. */
export function Publish({ saved, onClose }: { saved: OpenPlan; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const names = useSourceNames();
  const [note, setNote] = useState("");
  const { plan, etag } = saved;
  const revisions = useQuery({ ...revisionsQuery(plan.id), enabled: plan.revision > 0 });
  const last = revisions.data?.items[0];
  const leave = useUnsaved(note !== "");
  const publish = useWrite({
    mutationFn: () =>
      opened(
        api.POST("/api/v1/plans/{id}/publish", {
          params: { path: { id: plan.id }, header: { ...idempotencyKey(), "If-Match": etag } },
          body: { note: note.trim() },
        }),
      ),
    onSuccess: async (next) => {
      leave();
      client.setQueryData(planQuery(plan.id).queryKey, next);
      message.success(t("plans.publish.done", { n: next.plan.revision }));
      onClose();
      await client.invalidateQueries({ queryKey: ["plans"] });
    },
  });
  return (
    <div className="stack">
      <p className="muted">{t("plans.publish.about", { sources: names(plan.sources) })}</p>
      <section className="stack plan-tight">
        <h3 className="drawer-title">{t("plans.publish.new")}</h3>
        {revisions.error ? (
          <ErrorState error={revisions.error} onRetry={() => void revisions.refetch()} />
        ) : plan.revision > 0 && !last ? (
          <span className="bone" style={{ width: "60%" }} />
        ) : (
          <>
            {last && names(last.sources) !== names(plan.sources) && (
              <p>{t("plans.diff.sources", { from: names(last.sources), to: names(plan.sources) })}</p>
            )}
            {last && last.name !== plan.name && (
              <p>{t("plans.diff.name", { from: last.name, to: plan.name })}</p>
            )}
            <DifferenceList before={last?.document ?? emptyDocument} after={plan.draft ?? emptyDocument} />
          </>
        )}
      </section>
      <div className="plan-field">
        <label htmlFor="plan-note">{t("plans.publish.note")}</label>
        <Input
          id="plan-note"
          autoFocus
          value={note}
          maxLength={200}
          placeholder={t("plans.publish.notePlaceholder")}
          onChange={(e) => setNote(e.target.value)}
          onPressEnter={() => publish.mutate()}
        />
      </div>
      <div className="row">
        <Button type="primary" loading={publish.isPending} onClick={() => publish.mutate()}>
          {t("plans.publish.do")}
        </Button>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </div>
  );
}

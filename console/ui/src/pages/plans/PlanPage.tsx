import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Alert, App, Button, Input, Tabs } from "antd";
import { ChevronRight, FileCode2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { useConfirm } from "@/components/ConfirmButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState, errorText } from "@/components/states";
import { stableJson } from "@/lib/json";
import { useSetSearch } from "@/lib/useSetSearch";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { BreachesTab } from "./BreachesTab";
import { DefaultsCard } from "./DefaultsCard";
import { EventsTab } from "./EventsTab";
import { PreviewTab } from "./PreviewTab";
import { Publish } from "./Publish";
import { emptyDocument, SourcePicker, StatePill } from "./parts";
import { type OpenPlan, opened, type PlanDocument, planQuery } from "./queries";
import { RevisionsTab } from "./RevisionsTab";
import "./plans.css";

const route = getRouteApi("/shell/plans/$id");

/** What may be changed of a plan. */
interface Draft {
  name: string;
  sources: string[];
  draft: PlanDocument;
}
const draftOf = ({ plan }: OpenPlan): Draft => ({
  name: plan.name,
  sources: plan.sources,
  draft: plan.draft ?? emptyDocument,
});

/** One tracking plan: its draft, what it would break, what it breaks, and how it came to be. */
export function PlanPage() {
  const { id } = route.useParams();
  const query = useQuery(planQuery(id));
  const { t } = useTranslation();
  if (query.data) return <Body key={id} saved={query.data} />;
  return (
    <div className="page">
      <PageHeader title={t("plans.title")} />
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className="card card-pad stack">
          {[60, 40, 80].map((w) => (
            <span key={w} className="bone" style={{ width: `${w}%` }} />
          ))}
        </div>
      )}
    </div>
  );
}

/** A draft that people edit, and the version that it began with: whoever saves over another's change is told. */
function usePlanDraft(saved: OpenPlan) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [edited, setEdited] = useState<{ draft: Draft; etag: string }>();
  const [fault, setFault] = useState<Error>();
  const draft = edited?.draft ?? draftOf(saved);
  const changed = edited !== undefined && stableJson(edited.draft) !== stableJson(draftOf(saved));
  useUnsaved(changed);
  const save = useWrite({
    mutationFn: async ({ over, body }: { over?: true; body: Draft }) => {
      try {
        const etag = over
          ? (await client.fetchQuery({ ...planQuery(saved.plan.id), staleTime: 0 })).etag
          : (edited?.etag ?? saved.etag);
        return await opened(
          api.PATCH("/api/v1/plans/{id}", {
            params: { path: { id: saved.plan.id }, header: { "If-Match": etag } },
            body,
          }),
        );
      } catch (e) {
        setFault(e as Error);
        throw e;
      }
    },
    onSuccess: async (next, { body }) => {
      client.setQueryData(planQuery(saved.plan.id).queryKey, next);
      // What was typed while it was on its way is a change of what is saved now.
      setEdited((now) =>
        now && stableJson(now.draft) !== stableJson(body) ? { draft: now.draft, etag: next.etag } : undefined,
      );
      setFault(undefined);
      message.success(t("state.saved"));
      await client.invalidateQueries({ queryKey: ["plans"] });
    },
  });
  return {
    draft,
    changed,
    fault,
    pending: save.isPending,
    change: (part: Partial<Draft>) => {
      setFault(undefined);
      setEdited({ draft: { ...draft, ...part }, etag: changed ? edited.etag : saved.etag });
    },
    save: () => save.mutate({ body: draft }),
    overwrite: () => save.mutate({ over: true, body: draft }),
    discard: () => {
      setEdited(undefined);
      setFault(undefined);
      void client.invalidateQueries({ queryKey: planQuery(saved.plan.id).queryKey });
    },
  };
}

function Body({ saved }: { saved: OpenPlan }) {
  const { t } = useTranslation();
  const { tab = "events", publish } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("plans:write");
  const { plan } = saved;
  const edit = usePlanDraft(saved);
  const { draft, changed, fault } = edit;
  const document = draft.draft;
  const setDocument = (next: PlanDocument) => edit.change({ draft: next });
  const faultText = fault instanceof ApiError && fault.status !== 409 ? fault.message : undefined;
  return (
    <div className="page">
      <nav className="crumbs" aria-label={t("plans.title")}>
        <Link to="/plans">{t("plans.title")}</Link>
        <ChevronRight size={13} />
      </nav>
      <PageHeader
        title={draft.name || plan.name}
        about={
          <span className="row">
            <StatePill plan={plan} />
            {plan.revision > 0 && <span className="muted">{t("plans.revisionN", { n: plan.revision })}</span>}
            {changed && <span className="muted">{t("plans.unsaved")}</span>}
          </span>
        }
        actions={<Actions saved={saved} edit={edit} may={may} />}
      />
      {fault && <Fault fault={fault} edit={edit} />}
      <Tabs
        activeKey={tab}
        onChange={(key) =>
          setSearch({ tab: key === "events" ? undefined : key, q: undefined, sort: undefined })
        }
        destroyOnHidden
        items={[
          {
            key: "events",
            label: t("plans.tabs.events"),
            children: (
              <div className="stack">
                <section className="card card-pad plan-settings">
                  <div className="plan-field">
                    <label htmlFor="plan-title">{t("plans.name")}</label>
                    <Input
                      id="plan-title"
                      value={draft.name}
                      maxLength={200}
                      disabled={!may}
                      onChange={(e) => edit.change({ name: e.target.value })}
                    />
                  </div>
                  <div className="plan-field">
                    <span>{t("plans.sources")}</span>
                    <SourcePicker
                      value={draft.sources}
                      disabled={!may}
                      onChange={(sources) => edit.change({ sources })}
                    />
                  </div>
                </section>
                <DefaultsCard document={document} may={may} onChange={setDocument} />
                <EventsTab
                  plan={plan}
                  document={document}
                  may={may}
                  fault={faultText}
                  onChange={setDocument}
                />
              </div>
            ),
          },
          {
            key: "preview",
            label: t("plans.tabs.preview"),
            children: <PreviewTab plan={plan} unsaved={changed} onSave={may ? edit.save : undefined} />,
          },
          { key: "breaches", label: t("plans.tabs.breaches"), children: <BreachesTab plan={plan} /> },
          { key: "revisions", label: t("plans.tabs.revisions"), children: <RevisionsTab plan={plan} /> },
        ]}
      />
      <DetailDrawer
        open={publish === true && may && !changed}
        onClose={() => setSearch({ publish: undefined })}
        title={t("plans.publish.title", { n: plan.revision + 1 })}
        width={560}
      >
        <Publish saved={saved} onClose={() => setSearch({ publish: undefined })} />
      </DetailDrawer>
    </div>
  );
}

type Edit = ReturnType<typeof usePlanDraft>;

/** A save that failed stays on the page until something is changed: the message goes before it is read. */
function Fault({ fault, edit }: { fault: Error; edit: Edit }) {
  const { t } = useTranslation();
  const conflict = fault instanceof ApiError && fault.status === 409;
  return (
    <Alert
      className="plan-fault"
      type={conflict ? "warning" : "error"}
      showIcon
      role="alert"
      title={t(conflict ? "plans.conflict.title" : "plans.notSaved")}
      description={
        conflict ? (
          <>
            <p>{t("plans.conflict.text")}</p>
            <div className="row">
              <Button size="small" onClick={edit.discard}>
                {t("plans.conflict.theirs")}
              </Button>
              <Button size="small" danger onClick={edit.overwrite}>
                {t("plans.conflict.mine")}
              </Button>
            </div>
          </>
        ) : (
          errorText(fault)
        )
      }
    />
  );
}

function Actions({ saved, edit, may }: { saved: OpenPlan; edit: Edit; may: boolean }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const { plan } = saved;
  if (!may) return <Code plan={plan.id} />;
  if (edit.changed)
    return (
      <>
        <Button onClick={edit.discard}>{t("plans.discard")}</Button>
        <Button type="primary" loading={edit.pending} onClick={edit.save}>
          {t("action.save")}
        </Button>
      </>
    );
  return (
    <>
      <Code plan={plan.id} />
      <Leave saved={saved} />
      <Button
        type="primary"
        disabled={plan.events === 0 || (plan.live && !plan.changed)}
        onClick={() => setSearch({ publish: true }, "push")}
      >
        {t("plans.publish.open")}
      </Button>
    </>
  );
}

function Code({ plan }: { plan: string }) {
  return (
    <>
      {(["typescript", "go"] as const).map((language) => (
        <Button
          key={language}
          icon={<FileCode2 size={14} />}
          href={`/api/v1/plans/${encodeURIComponent(plan)}/code?language=${language}`}
          download
        >
          {language === "go" ? "Go" : "TypeScript"}
        </Button>
      ))}
    </>
  );
}

/** Retires a plan that holds; deletes one that does not. */
function Leave({ saved }: { saved: OpenPlan }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const navigate = useNavigate();
  const confirm = useConfirm();
  const { plan, etag } = saved;
  const path = { id: plan.id };
  const retire = useWrite({
    mutationFn: () =>
      opened(
        api.POST("/api/v1/plans/{id}/retire", {
          params: { path, header: { ...idempotencyKey(), "If-Match": etag } },
        }),
      ),
    onSuccess: async (next) => {
      client.setQueryData(planQuery(plan.id).queryKey, next);
      message.success(t("plans.retired", { name: plan.name }));
      await client.invalidateQueries({ queryKey: ["plans"] });
    },
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/plans/{id}", { params: { path } })),
    onSuccess: async () => {
      message.success(t("plans.deleted", { name: plan.name }));
      await navigate({ to: "/plans" });
      await client.invalidateQueries({ queryKey: ["plans"] });
    },
  });
  const ask = () =>
    plan.live
      ? confirm({
          title: t("plans.retireTitle", { name: plan.name }),
          text: t("plans.retireText"),
          ok: t("plans.retire"),
          danger: true,
          run: () => retire.mutateAsync(),
        })
      : confirm({
          title: t("plans.deleteTitle", { name: plan.name }),
          text: t("plans.deleteText"),
          ok: t("action.delete"),
          danger: true,
          run: () => remove.mutateAsync(),
        });
  return (
    <Button danger type="text" loading={retire.isPending || remove.isPending} onClick={ask}>
      {t(plan.live ? "plans.retire" : "action.delete")}
    </Button>
  );
}

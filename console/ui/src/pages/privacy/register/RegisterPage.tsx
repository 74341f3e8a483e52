import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Dropdown, Tabs } from "antd";
import { BookMarked, Download, Landmark, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { ActivityForm } from "./ActivityForm";
import { AssessmentForm } from "./AssessmentForm";
import { Gaps } from "./Gaps";
import { HeadForm } from "./HeadForm";
import { AssessmentState, useClassLabel } from "./parts";
import { type ActivityRecord, type AssessmentRecord, type Register, registerQuery } from "./queries";
import { Versions } from "./Versions";
import "./register.css";

const route = getRouteApi("/shell/privacy/register");

/** What is done with data about people, and what it means for them, beside what the program sees. */
export function RegisterPage() {
  const { t, i18n } = useTranslation();
  const { tab = "activities" } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("register:write");
  const query = useQuery(registerQuery);
  const lang = i18n.language.startsWith("zh") ? "zh" : "en";
  const file = (format: string) => `/api/v1/privacy/register/export?format=${format}&lang=${lang}`;
  return (
    <div className="page">
      <PageHeader
        title={t("register.title")}
        about={t("register.about")}
        actions={
          <>
            <Button icon={<Landmark size={14} />} onClick={() => setSearch({ open: "head" }, "push")}>
              {t("register.head")}
            </Button>
            <Dropdown
              trigger={["click"]}
              menu={{
                items: (["html", "json", "csv"] as const).map((f) => ({
                  key: f,
                  label: (
                    <a href={file(f)} download>
                      {t(`register.files.${f}`)}
                    </a>
                  ),
                })),
              }}
            >
              <Button icon={<Download size={14} />}>{t("register.export")}</Button>
            </Dropdown>
            {may && (
              <Button
                type="primary"
                icon={<Plus size={14} />}
                onClick={() => setSearch({ tab: undefined, open: "new" }, "push")}
              >
                {t("register.newActivity")}
              </Button>
            )}
          </>
        }
      />
      {query.error && !query.data && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && <Gaps register={query.data} />}
      <Tabs
        activeKey={tab}
        onChange={(key) =>
          setSearch({ tab: key === "assessments" ? key : undefined, sort: undefined, open: undefined })
        }
        destroyOnHidden
        items={[
          {
            key: "activities",
            label: t("register.activities"),
            children: <Activities register={query.data} />,
          },
          {
            key: "assessments",
            label: t("register.assessments"),
            children: <Assessments register={query.data} />,
          },
        ]}
      />
      {query.data && <Drawer register={query.data} />}
    </div>
  );
}

function Drawer({ register }: { register: Register }) {
  const { t } = useTranslation();
  const { tab = "activities", open, of } = route.useSearch();
  const setSearch = useSetSearch();
  const close = () => setSearch({ open: undefined, of: undefined });
  const activity = register.activities.find((a) => a.id === open);
  const assessment = register.assessments.find((a) => a.id === open);
  const isAssessment = assessment !== undefined || (open === "new" && tab === "assessments");
  const title =
    open === "head"
      ? t("register.head")
      : (activity?.name ??
        assessment?.title ??
        t(isAssessment ? "register.newAssessment" : "register.newActivity"));
  return (
    <DetailDrawer open={open !== undefined} onClose={close} title={title} width={720}>
      {open === "head" && <HeadForm register={register} onDone={close} />}
      {isAssessment && (
        <AssessmentForm
          key={open}
          register={register}
          assessment={assessment}
          of={of ?? ""}
          onDone={(id) => setSearch({ open: id, of: undefined })}
        />
      )}
      {open !== undefined && open !== "head" && !isAssessment && (open === "new" || activity) && (
        <ActivityForm key={open} register={register} activity={activity} onDone={close} />
      )}
      {open !== undefined && (open === "head" ? register.head_version > 0 : (activity ?? assessment)) && (
        <Versions key={`${open} versions`} id={open} register={register} />
      )}
    </DetailDrawer>
  );
}

function Activities({ register }: { register: Register | undefined }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const { open } = route.useSearch();
  const gaps = (a: ActivityRecord) => register?.gaps.filter((g) => g.activity === a.id).length ?? 0;
  const columns: Column<ActivityRecord>[] = [
    {
      key: "name",
      title: t("register.activity"),
      width: 240,
      value: (a) => a.name,
      render: (a) => (
        <span className="row nowrap">
          <b className="ellipsis">{a.name}</b>
          {a.ended && <Pill>{t("register.ended")}</Pill>}
        </span>
      ),
    },
    {
      key: "basis",
      title: t("register.basis"),
      width: 150,
      value: (a) => t(`register.bases.${a.basis}`),
    },
    {
      key: "data",
      title: t("register.data"),
      width: 200,
      value: (a) => dataOf(a).join(", "),
      render: (a) => <DataOf activity={a} />,
    },
    {
      key: "recipients",
      title: t("register.recipients"),
      width: 180,
      value: (a) => a.recipients?.map((r) => r.name).join(", ") ?? "",
    },
    { key: "owner", title: t("register.owner"), width: 120, value: (a) => a.owner ?? "" },
    {
      key: "state",
      title: t("register.state"),
      width: 120,
      value: gaps,
      render: (a) =>
        a.ended ? (
          <span className="muted">–</span>
        ) : gaps(a) > 0 ? (
          <Pill tone="warn">{t("register.open", { count: gaps(a) })}</Pill>
        ) : (
          <Pill tone="good">{t("register.complete")}</Pill>
        ),
    },
    {
      key: "changed",
      title: t("register.changed"),
      width: 130,
      time: true,
      value: (a) => a.changed_at,
      render: (a) => <RelativeTime at={a.changed_at} />,
    },
  ];
  return (
    <DataTable
      id="register-activities"
      label={t("register.activities")}
      columns={columns}
      rows={register?.activities}
      rowKey={(a) => a.id}
      loading={register === undefined}
      onOpen={(a) => setSearch({ open: a.id }, "push")}
      openKey={open}
      empty={<EmptyState icon={<BookMarked />} title={t("register.empty")} hint={t("register.emptyHint")} />}
    />
  );
}

const dataOf = (a: ActivityRecord) => [...(a.classes ?? []), ...(a.other_data ?? [])];

function DataOf({ activity }: { activity: ActivityRecord }) {
  const label = useClassLabel();
  return <span className="ellipsis">{dataOf(activity).map(label).join(", ")}</span>;
}

function Assessments({ register }: { register: Register | undefined }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const { open } = route.useSearch();
  const nameOf = (id: string) => register?.activities.find((a) => a.id === id)?.name ?? id;
  const columns: Column<AssessmentRecord>[] = [
    { key: "title", title: t("register.assessment"), width: 240, value: (a) => a.title },
    { key: "activity", title: t("register.activity"), width: 200, value: (a) => nameOf(a.activity) },
    {
      key: "state",
      title: t("register.state"),
      width: 120,
      value: (a) => a.state ?? "",
      render: (a) => <AssessmentState assessment={a} />,
    },
    {
      key: "decision",
      title: t("register.decision"),
      width: 180,
      value: (a) => (a.decision ? t(`register.decisions.${a.decision}`) : ""),
    },
    { key: "valid", title: t("register.validUntil"), width: 120, value: (a) => a.valid_until ?? "" },
    { key: "approved", title: t("register.approvedBy"), width: 140, value: (a) => a.approved_by ?? "" },
  ];
  return (
    <DataTable
      id="register-assessments"
      label={t("register.assessments")}
      columns={columns}
      rows={register?.assessments}
      rowKey={(a) => a.id}
      loading={register === undefined}
      onOpen={(a) => setSearch({ open: a.id }, "push")}
      openKey={open}
      empty={
        <EmptyState
          icon={<BookMarked />}
          title={t("register.noAssessments")}
          hint={t("register.noAssessmentsHint")}
        />
      }
    />
  );
}

import { useQuery } from "@tanstack/react-query";
import { App, Button } from "antd";
import { Link2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { personConsentsQuery } from "@/api/queries";
import type { ConsentProof, ConsentVerdict, Person } from "@/api/types";
import { useMay } from "@/app/session";
import { copyText } from "@/components/CopyButton";
import { type Column, DataTable } from "@/components/DataTable";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { usePurposes } from "@/lib/usePurposes";
import { useSources } from "@/lib/useSources";
import { useWrite } from "@/lib/useWrite";
import { HeldSegments } from "./HeldSegments";
import { outcomeTones } from "./outcomes";

/** What the person agrees to, and the proof of each decision. */
export function ConsentTab({ person }: { person: Person }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const query = useQuery(personConsentsQuery(person.id));
  const { nameOf } = usePurposes();
  const policy = (query.data?.verdicts.length ?? 0) > 0;
  const sources = useSources();
  const may = useMay("consent:record");
  const link = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/persons/{ref}/consents/link", {
          params: { path: { ref: person.id } },
          body: { days: 30 },
        }),
      ),
    onSuccess: async (made) => {
      await copyText(new URL(made.path, window.location.origin).href);
      message.success(t("consent.linkCopied"));
    },
  });
  if (query.error && !query.data)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const verdicts: Column<ConsentVerdict>[] = [
    { key: "purpose", title: t("consent.purpose"), width: 340, value: (v) => nameOf(v.purpose, v.channel) },
    {
      key: "outcome",
      title: t("consent.outcomeTitle"),
      width: 150,
      value: (v) => v.outcome,
      render: (v) => (
        <Pill tone={outcomeTones[v.outcome]} dot>
          {t(`consent.outcome.${v.outcome}`)}
        </Pill>
      ),
    },
    {
      key: "reason",
      title: t("consent.reasonTitle"),
      width: 220,
      value: (v) => t(`consent.reason.${v.reason}`),
    },
    {
      key: "at",
      title: t("consent.since"),
      width: 170,
      value: (v) => v.at ?? "",
      render: (v) => (v.at ? <ExactTime at={v.at} /> : <span className="muted">–</span>),
    },
  ];
  const proofs: Column<ConsentProof>[] = [
    {
      key: "at",
      title: t("consent.decidedAt"),
      width: 170,
      value: (p) => p.at,
      render: (p) => <ExactTime at={p.at} />,
    },
    { key: "purpose", title: t("consent.purpose"), width: 300, value: (p) => nameOf(p.purpose, p.channel) },
    {
      key: "choice",
      title: t("consent.choiceTitle"),
      width: 150,
      value: (p) => t(`consent.choice.${p.choice}`),
    },
    {
      key: "wording",
      title: t("consent.wording"),
      width: 100,
      align: "right",
      value: (p) => p.wording,
      render: (p) => (p.wording > 0 ? p.wording : <span className="muted">–</span>),
    },
    { key: "method", title: t("consent.method"), width: 120, value: (p) => p.method },
    { key: "place", title: t("consent.place"), width: 180, value: (p) => p.place },
    { key: "source", title: t("consent.source"), width: 140, value: (p) => sources.nameOf(p.source) },
    {
      key: "message",
      title: t("consent.message"),
      width: 160,
      value: (p) => p.message_id,
      render: (p) => <code>{p.message_id}</code>,
    },
  ];
  return (
    <div className="stack">
      <div className="row">
        {query.data?.minor && <Pill tone="warn">{t("consent.minor")}</Pill>}
        {may && (
          <Button icon={<Link2 size={14} />} loading={link.isPending} onClick={() => link.mutate()}>
            {t("consent.copyLink")}
          </Button>
        )}
      </div>
      <h2>{t("consent.holds")}</h2>
      <DataTable
        id="person-verdicts"
        label={t("consent.holds")}
        columns={verdicts}
        rows={query.data?.verdicts}
        rowKey={(v) => `${v.purpose} ${v.channel}`}
        loading={query.isPending}
        empty={<EmptyState title={t("consent.noPolicy")} hint={t("consent.noPolicyHint")} />}
      />
      <HeldSegments held={policy ? query.data?.segments : undefined} of={person.segments.length} />
      <h2>{t("consent.proofs")}</h2>
      <DataTable
        id="person-proofs"
        label={t("consent.proofs")}
        columns={proofs}
        rows={query.data?.decisions}
        rowKey={(p) => p.id}
        loading={query.isPending}
        empty={<EmptyState title={t("consent.noProofs")} hint={t("consent.noProofsHint")} />}
      />
    </div>
  );
}

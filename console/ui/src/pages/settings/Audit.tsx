import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { auditQuery } from "@/api/queries";
import type { AuditEntry } from "@/api/types";
import { Json } from "@/components/CodeSnippet";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { usePages } from "@/lib/usePages";

/** Who changed what, newest first. */
export function Audit() {
  const { t } = useTranslation();
  const pages = usePages(useInfiniteQuery(auditQuery));
  const [open, setOpen] = useState<AuditEntry | null>(null);
  const [last, setLast] = useState<AuditEntry | null>(null);
  if (open && open !== last) setLast(open);
  const columns: Column<AuditEntry>[] = [
    {
      key: "action",
      title: t("settings.audit.action"),
      width: 200,
      value: (a) => a.action,
      render: (a) => <code>{a.action}</code>,
    },
    {
      key: "target",
      title: t("settings.audit.target"),
      width: 200,
      value: (a) => a.target,
      render: (a) => <code>{a.target || "–"}</code>,
    },
    { key: "actor", title: t("settings.audit.actor"), value: (a) => a.actor.name || a.actor.kind },
    {
      key: "time",
      title: t("settings.audit.time"),
      width: 140,
      align: "right",
      value: (a) => a.time,
      render: (a) => <RelativeTime at={a.time} />,
    },
    {
      key: "request",
      title: t("settings.audit.request"),
      optional: true,
      width: 160,
      value: (a) => a.request_id,
      render: (a) => <code>{a.request_id}</code>,
    },
  ];
  return (
    <>
      <DataTable
        id="audit"
        label={t("settings.tabs.audit")}
        columns={columns}
        {...pages}
        rowKey={(a) => a.id}
        onOpen={setOpen}
        openKey={open?.id}
        empty={
          <EmptyState
            icon={<ScrollText />}
            title={t("settings.audit.empty")}
            hint={t("settings.audit.emptyHint")}
          />
        }
      />
      <DetailDrawer open={open !== null} onClose={() => setOpen(null)} title={<code>{last?.action}</code>}>
        {last && (
          <div className="stack drawer-stack">
            <dl className="pairs">
              <dt>{t("settings.audit.actor")}</dt>
              <dd>{last.actor.name || last.actor.kind}</dd>
              <dt>{t("settings.audit.target")}</dt>
              <dd>
                <code>{last.target || "–"}</code>
              </dd>
              <dt>{t("settings.audit.time")}</dt>
              <dd>
                <ExactTime at={last.time} />
              </dd>
              <dt>{t("settings.audit.request")}</dt>
              <dd>
                <code>{last.request_id}</code>
              </dd>
            </dl>
            <section>
              <h3 className="drawer-title">{t("settings.audit.detail")}</h3>
              <Json value={last.detail} />
            </section>
          </div>
        )}
      </DetailDrawer>
    </>
  );
}

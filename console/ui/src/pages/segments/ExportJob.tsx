import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { App, Button, Popover } from "antd";
import { FileDown } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { segmentConsentQuery } from "@/api/queries";
import type { ConsentReason, Segment } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { PurposeSelect } from "@/components/PurposeSelect";
import { usePurposes } from "@/lib/usePurposes";
import { useWrite } from "@/lib/useWrite";

/**
 * Any number of people, as a file that the server makes: the job shows how far it is, and has the file. With a consent
 * policy it asks first what the file is for, and says how many that leaves out.
 */
export function ExportJob({ id, segment }: { id: string; segment: Segment | undefined }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const may = useMay("people:export");
  const { policy } = usePurposes();
  const [open, setOpen] = useState(false);
  const [purpose, setPurpose] = useState("");
  const start = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/jobs", {
          params: { header: idempotencyKey() },
          body: { kind: "segment.export", input: { segment: id, ...(purpose ? { purpose } : {}) } },
        }),
      ),
    onSuccess: async (job) => {
      setOpen(false);
      message.success(t("jobs.exportStarted"));
      await navigate({ to: "/jobs", search: { open: job.id } });
    },
  });
  if (!may) return null;
  const button = (
    <Button
      type="text"
      icon={<FileDown size={15} />}
      loading={start.isPending}
      onClick={policy ? undefined : () => start.mutate()}
    >
      {t("jobs.exportOnServer")}
    </Button>
  );
  if (!policy) return button;
  return (
    <Popover
      trigger="click"
      placement="bottom"
      open={open}
      onOpenChange={setOpen}
      content={
        <div className="export-form">
          <p>{t("segments.purpose")}</p>
          <PurposeSelect use="act" usual={segment?.purpose} value={purpose} onChange={setPurpose} />
          {open && <LeftOut segment={id} purpose={purpose} />}
          <Button type="primary" loading={start.isPending} onClick={() => start.mutate()}>
            {t("jobs.startExport")}
          </Button>
        </div>
      }
    >
      {button}
    </Popover>
  );
}

/** How many the purpose leaves out of the file, and why. */
function LeftOut({ segment, purpose }: { segment: string; purpose: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const held = useQuery(segmentConsentQuery(segment, purpose)).data;
  const n = held ? held.non_personalised + held.refused : 0;
  return (
    <p className="muted" aria-live="polite" data-testid="export-held">
      {held
        ? t("segments.leavesOut", {
            count: held.members,
            n: format.num(n),
            of: format.num(held.members) + (held.more ? "+" : ""),
          })
        : "…"}
      {Object.entries(held?.reasons ?? {}).map(([reason, count]) => (
        <span key={reason} className="export-why">
          {t(`consent.reason.${reason as ConsentReason}`)}: {format.num(count)}
        </span>
      ))}
    </p>
  );
}

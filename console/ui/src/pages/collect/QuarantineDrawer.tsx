import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Input } from "antd";
import { RotateCcw, Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import type { QuarantinedEvent } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { Json } from "@/components/CodeSnippet";
import { ConfirmButton } from "@/components/ConfirmButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { PlanOfSource } from "./Planned";
import { eventNameOf, parseEvent } from "./rawEvent";
import { useReasonLabel } from "./useReasonLabel";

/** One refused event: why, what was sent, and an editor to repair it in. */
export function QuarantineDrawer({
  event,
  onClose,
}: {
  event: QuarantinedEvent | null;
  onClose: () => void;
}) {
  const [last, setLast] = useState(event);
  if (event && event !== last) setLast(event);
  const e = event ?? last;
  return e ? <Body key={e.id} event={e} open={event !== null} onClose={onClose} /> : null;
}

function Body({ event, open, onClose }: { event: QuarantinedEvent; open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const format = useFormat();
  const sources = useSources();
  const reasonLabel = useReasonLabel();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("quarantine:write");
  // An event that is not valid JSON comes as its text, and is repaired in it.
  const malformed = event.code === "malformed" && typeof event.event === "string";
  const editable =
    malformed || (typeof event.event === "object" && event.event !== null && !Array.isArray(event.event));
  const original = malformed || !editable ? String(event.event ?? "") : formatJson(event.event, 2);
  const [text, setText] = useState(original);
  const parsed = editable ? parseEvent(text) : null;
  const changed = text !== original;

  const done = async () => {
    onClose();
    await Promise.all([
      client.invalidateQueries({ queryKey: ["quarantine"] }),
      client.invalidateQueries({ queryKey: ["stats"] }),
    ]);
  };
  const replay = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/quarantine/{id}/replay", {
          params: { path: { id: event.id }, header: idempotencyKey() },
          body: changed && parsed && "event" in parsed ? { event: parsed.event } : {},
        }),
      ),
    onSuccess: async (r) => {
      if (r.rejected > 0) {
        message.warning(
          t("collect.quarantine.rejectedCount", { count: r.rejected, n: format.num(r.rejected) }),
        );
        await client.invalidateQueries({ queryKey: ["quarantine"] });
        return;
      }
      message.success(
        t("collect.quarantine.replayedCount", { count: r.replayed, n: format.num(r.replayed) }),
      );
      await done();
    },
  });
  const discard = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/quarantine/{id}", { params: { path: { id: event.id } } })),
    onSuccess: async () => {
      message.success(t("collect.quarantine.discarded", { count: 1, n: format.num(1) }));
      await done();
    },
  });

  useUnsaved(changed && open);

  const footer = may && (
    <div className="row">
      <Button
        type="primary"
        icon={<RotateCcw size={14} />}
        disabled={parsed !== null && "error" in parsed}
        loading={replay.isPending}
        onClick={() => replay.mutate()}
      >
        {t(changed ? "collect.quarantine.replayRepaired" : "collect.quarantine.replay")}
      </Button>
      {changed && (
        <Button icon={<Undo2 size={14} />} onClick={() => setText(original)}>
          {t("collect.quarantine.reset")}
        </Button>
      )}
      <ConfirmButton
        does="discard"
        className="push-right"
        title={t("collect.quarantine.discardTitle", { count: 1, n: format.num(1) })}
        text={t("collect.quarantine.discardText")}
        ok={t("collect.quarantine.discard")}
        run={() => discard.mutateAsync()}
        pending={discard.isPending}
      >
        {t("collect.quarantine.discard")}
      </ConfirmButton>
    </div>
  );

  return (
    <DetailDrawer
      open={open}
      onClose={onClose}
      title={labels.event(eventNameOf(event.event) ?? "") || event.id}
      footer={footer}
    >
      <div className="stack drawer-stack">
        <p className="reason-box">
          <small>{reasonLabel(event.code)}</small>
          {event.reason}
        </p>
        {(event.code === "tracking_plan" || event.code === "plan_refused") && (
          <PlanOfSource source={event.source} event={eventNameOf(event.event) ?? undefined} />
        )}
        <dl className="pairs">
          <dt>{t("collect.quarantine.source")}</dt>
          <dd>{sources.nameOf(event.source)}</dd>
          <dt>{t("collect.quarantine.origin")}</dt>
          <dd>
            {t(`collect.quarantine.${event.origin}`)}
            {event.row !== null && ` · ${t("collect.quarantine.row", { n: format.num(event.row) })}`}
          </dd>
          <dt>{t("collect.quarantine.received")}</dt>
          <dd>
            <ExactTime at={event.received_at} />
          </dd>
          {event.replayed_at && (
            <>
              <dt>{t("collect.quarantine.replayedAt")}</dt>
              <dd>
                <ExactTime at={event.replayed_at} />
              </dd>
            </>
          )}
          <dt>{t("collect.quarantine.id")}</dt>
          <dd>
            <code>{event.id}</code>
          </dd>
        </dl>
        {editable && may ? (
          <section>
            <div className="row drawer-title-row">
              <p className="muted">{t("collect.quarantine.editor")}</p>
              {changed && <Pill tone="gold">{t("collect.quarantine.changed")}</Pill>}
            </div>
            <Input.TextArea
              className="json-editor"
              aria-label={t("collect.quarantine.editor")}
              value={text}
              onChange={(e) => setText(e.target.value)}
              autoSize={{ minRows: 12, maxRows: 28 }}
              spellCheck={false}
              status={parsed && "error" in parsed ? "error" : ""}
            />
            {parsed && "error" in parsed && (
              <p className="field-error" role="alert">
                {t("collect.quarantine.invalid", { message: parsed.error })}
              </p>
            )}
          </section>
        ) : (
          <section>
            {!editable && <p className="muted drawer-title-row">{t("collect.quarantine.notJson")}</p>}
            <Json value={event.event} />
          </section>
        )}
      </div>
    </DetailDrawer>
  );
}

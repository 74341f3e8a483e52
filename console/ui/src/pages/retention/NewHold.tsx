import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, DatePicker, Input, Radio, Select } from "antd";
import type { Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { segmentsQuery } from "@/api/queries";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { refsOf } from "./search";

/** Places a hold on people, or on whoever is in a segment. */
export function NewHold({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const segments = useQuery(segmentsQuery).data?.items ?? [];
  const [about, setAbout] = useState<"persons" | "segment">("persons");
  const [text, setText] = useState("");
  const [segment, setSegment] = useState<string>();
  const [reason, setReason] = useState("");
  const [until, setUntil] = useState<Dayjs | null>(null);
  const leave = useUnsaved(text !== "" || reason !== "");
  const refs = refsOf(text);
  const place = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/holds", {
          body: {
            reason: reason.trim(),
            ...(about === "persons" ? { persons: refs } : { segment: segment ?? "" }),
            ...(until ? { until: until.endOf("day").toISOString() } : {}),
          },
        }),
      ),
    onSuccess: async () => {
      message.success(t("retention.hold.done"));
      leave();
      onDone();
      await client.invalidateQueries({ queryKey: ["holds"] });
    },
  });
  return (
    <div className="stack">
      <Radio.Group value={about} onChange={(e) => setAbout(e.target.value)}>
        <Radio value="persons">{t("retention.hold.ofPersons")}</Radio>
        <Radio value="segment">{t("retention.hold.ofSegment")}</Radio>
      </Radio.Group>
      {about === "persons" ? (
        <div>
          <label htmlFor="hold-persons">{t("retention.hold.who")}</label>
          <Input.TextArea
            id="hold-persons"
            className="mono"
            rows={5}
            value={text}
            onChange={(e) => setText(e.target.value)}
            placeholder={"phone:+8613912345678\nemail:ann@example.com"}
          />
        </div>
      ) : (
        <div>
          <label htmlFor="hold-segment">{t("retention.hold.segment")}</label>
          <Select
            id="hold-segment"
            style={{ width: "100%" }}
            showSearch={{ optionFilterProp: "label" }}
            value={segment ?? null}
            onChange={(v: string) => setSegment(v)}
            options={segments.map((s) => ({ value: s.id, label: s.name }))}
          />
          <span className="muted">{t("retention.hold.segmentHelp")}</span>
        </div>
      )}
      <div>
        <label htmlFor="hold-reason">{t("retention.hold.reason")}</label>
        <Input.TextArea
          id="hold-reason"
          rows={3}
          maxLength={2000}
          value={reason}
          onChange={(e) => setReason(e.target.value)}
        />
        <span className="muted">{t("retention.hold.reasonHelp")}</span>
      </div>
      <div>
        <label htmlFor="hold-until">{t("retention.hold.until")}</label>
        <DatePicker
          id="hold-until"
          style={{ width: "100%" }}
          value={until}
          onChange={setUntil}
          placeholder={t("retention.hold.forever")}
        />
      </div>
      <Button
        type="primary"
        disabled={reason.trim() === "" || (about === "persons" ? refs.length === 0 : !segment)}
        loading={place.isPending}
        onClick={() => place.mutate()}
      >
        {t("retention.hold.create")}
      </Button>
    </div>
  );
}

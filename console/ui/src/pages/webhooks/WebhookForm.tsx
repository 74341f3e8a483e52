import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Checkbox, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { segmentsQuery } from "@/api/queries";
import type { NewWebhookBody, Webhook, WebhookEvent } from "@/api/types";
import { PurposeSelect } from "@/components/PurposeSelect";
import { usePurposes } from "@/lib/usePurposes";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { NewSecret } from "./parts";

interface Header {
  name: string;
  /** Empty on one that is there already: it keeps its value, which nobody can read back. */
  value: string;
}
interface Fields {
  name: string;
  url: string;
  segments: string[];
  events: WebhookEvent[];
  identifiers: "none" | "masked" | "full";
  purpose: string;
  backfill: boolean;
  headers: Header[];
  concurrency: number;
  per_second: number | null;
}

const fresh: Fields = {
  name: "",
  url: "",
  segments: [],
  events: ["segment.entered", "segment.left"],
  identifiers: "masked",
  purpose: "",
  backfill: false,
  headers: [],
  concurrency: 16,
  per_second: 0,
};

function bodyOf(f: Fields, kept: readonly string[]): NewWebhookBody {
  const headers: Record<string, string | null> = {};
  for (const h of f.headers ?? []) {
    if (h?.name) headers[h.name.trim()] = h.value || !kept.includes(h.name) ? (h.value ?? "") : null;
  }
  return {
    name: f.name.trim(),
    url: f.url.trim(),
    segments: f.segments,
    events: f.events,
    identifiers: f.identifiers,
    purpose: f.purpose ?? "",
    backfill: f.backfill,
    headers,
    concurrency: f.concurrency,
    per_second: f.per_second ?? 0,
  };
}

/** Makes a webhook, and then shows its secret. */
export function NewWebhook(props: {
  /** Of whose entries and exits it is to tell. */
  segment?: string | undefined;
  onCancel: () => void;
  onDone: (w: Webhook) => void;
}) {
  const { segment, onCancel, onDone } = props;
  const { t } = useTranslation();
  const client = useQueryClient();
  const [made, setMade] = useState<Webhook>();
  const create = useWrite({
    mutationFn: (body: NewWebhookBody) => data(api.POST("/api/v1/webhooks", { body })),
    onSuccess: async (w) => {
      setMade(w);
      await client.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  if (made)
    return (
      <div className="stack drawer-stack">
        <NewSecret secret={made.secret ?? ""} />
        <p className="muted">{t("webhooks.verifyHint")}</p>
        <div className="row">
          <Button type="primary" onClick={() => onDone(made)}>
            {t("webhooks.kept")}
          </Button>
        </div>
      </div>
    );
  return (
    <WebhookForm
      initial={segment ? { ...fresh, segments: [segment] } : fresh}
      kept={[]}
      submit={t("action.create")}
      pending={create.isPending}
      onSubmit={(body) => create.mutate(body)}
      onCancel={onCancel}
    />
  );
}

/** Changes a webhook. */
export function EditWebhook({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const patch = useWrite({
    mutationFn: (body: NewWebhookBody) =>
      data(api.PATCH("/api/v1/webhooks/{id}", { params: { path: { id: webhook.id } }, body })),
    onSuccess: async () => {
      message.success(t("state.saved"));
      onClose();
      await client.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  return (
    <WebhookForm
      initial={{
        ...webhook,
        purpose: webhook.purpose ?? "",
        headers: webhook.headers.map((name) => ({ name, value: "" })),
      }}
      kept={webhook.headers}
      submit={t("action.save")}
      pending={patch.isPending}
      onSubmit={(body) => patch.mutate(body)}
      onCancel={onClose}
    />
  );
}

function WebhookForm(props: {
  initial: Fields;
  kept: readonly string[];
  submit: string;
  pending: boolean;
  onSubmit: (body: NewWebhookBody) => void;
  onCancel: () => void;
}) {
  const { t } = useTranslation();
  const segments = useQuery(segmentsQuery);
  const { policy } = usePurposes();
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched && !props.pending);
  const required = [{ required: true, whitespace: true, message: "" }];
  return (
    <Form<Fields>
      layout="vertical"
      requiredMark={false}
      initialValues={props.initial}
      onValuesChange={touch}
      onFinish={(f) => {
        settle();
        props.onSubmit(bodyOf({ ...props.initial, ...f }, props.kept));
      }}
    >
      <Form.Item name="name" label={t("webhooks.name")} rules={required}>
        <Input autoFocus maxLength={100} placeholder={t("webhooks.namePlaceholder")} />
      </Form.Item>
      <Form.Item name="url" label={t("webhooks.url")} extra={t("webhooks.urlHint")} rules={required}>
        <Input className="mono" maxLength={2000} placeholder="https://example.com/hooks/segments" />
      </Form.Item>
      <Form.Item
        name="segments"
        label={t("webhooks.segments")}
        dependencies={["events"]}
        rules={[
          ({ getFieldValue }) => ({
            required: (getFieldValue("events") as WebhookEvent[]).some((e) => e.startsWith("segment.")),
            message: "",
          }),
        ]}
      >
        <Select
          mode="multiple"
          loading={segments.isPending}
          placeholder={t("webhooks.segmentsPlaceholder")}
          showSearch={{ optionFilterProp: "label" }}
          options={[
            { value: "*", label: t("webhooks.allSegments") },
            ...(segments.data?.items ?? []).map((s) => ({ value: s.id, label: s.name })),
          ]}
        />
      </Form.Item>
      <Form.Item name="events" label={t("webhooks.events")} rules={[{ required: true, message: "" }]}>
        <Checkbox.Group
          options={[
            { value: "segment.entered", label: t("webhooks.entered") },
            { value: "segment.left", label: t("webhooks.left") },
            { value: "person.merged", label: t("webhooks.merged") },
            { value: "person.split", label: t("webhooks.split") },
            { value: "quality.alarm_opened", label: t("webhooks.alarmOpened") },
            { value: "quality.alarm_closed", label: t("webhooks.alarmClosed") },
          ]}
        />
      </Form.Item>
      <Form.Item name="identifiers" label={t("webhooks.identifiers")} extra={t("webhooks.identifiersHint")}>
        <Radio.Group
          options={(["none", "masked", "full"] as const).map((v) => ({
            value: v,
            label: t(`webhooks.identifierChoice.${v}`),
          }))}
        />
      </Form.Item>
      {policy && (
        <Form.Item name="purpose" label={t("webhooks.purpose")} extra={t("webhooks.purposeHint")}>
          <PurposeSelect use="share" />
        </Form.Item>
      )}
      <Form.Item
        name="backfill"
        label={t("webhooks.backfill")}
        extra={t("webhooks.backfillHint")}
        valuePropName="checked"
      >
        <Switch />
      </Form.Item>
      <Form.Item label={t("webhooks.headers")} extra={t("webhooks.headersHint")}>
        <Headers kept={props.kept} />
      </Form.Item>
      <div className="webhook-limits">
        <Form.Item name="concurrency" label={t("webhooks.concurrency")} extra={t("webhooks.concurrencyHint")}>
          <InputNumber min={1} max={64} style={{ width: 140 }} />
        </Form.Item>
        <Form.Item name="per_second" label={t("webhooks.perSecond")} extra={t("webhooks.perSecondHint")}>
          <InputNumber min={0} max={100_000} style={{ width: 140 }} />
        </Form.Item>
      </div>
      <div className="row">
        <Button type="primary" htmlType="submit" loading={props.pending}>
          {props.submit}
        </Button>
        <Button onClick={props.onCancel}>{t("action.cancel")}</Button>
      </div>
    </Form>
  );
}

function Headers({ kept }: { kept: readonly string[] }) {
  const { t } = useTranslation();
  return (
    <Form.List name="headers">
      {(fields, { add, remove }) => (
        <div className="stack webhook-headers">
          {fields.map((f) => (
            <div key={f.key} className="row nowrap">
              <Form.Item noStyle name={[f.name, "name"]}>
                <Input className="mono" placeholder="Authorization" aria-label={t("webhooks.headerName")} />
              </Form.Item>
              <Form.Item noStyle name={[f.name, "value"]}>
                <Input.Password
                  className="mono"
                  autoComplete="off"
                  placeholder={f.name < kept.length ? t("webhooks.headerKept") : t("webhooks.headerValue")}
                  aria-label={t("webhooks.headerValue")}
                />
              </Form.Item>
              <Button
                type="text"
                icon={<Trash2 size={14} />}
                aria-label={t("webhooks.headerRemove")}
                onClick={() => remove(f.name)}
              />
            </div>
          ))}
          <div>
            <Button size="small" icon={<Plus size={13} />} onClick={() => add({ name: "", value: "" })}>
              {t("webhooks.headerAdd")}
            </Button>
          </div>
        </div>
      )}
    </Form.List>
  );
}

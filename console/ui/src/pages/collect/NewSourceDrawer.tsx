import { useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, InputNumber } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import type { Source, SourceKind } from "@/api/types";
import { ChannelIcon } from "@/components/ChannelIcon";
import { DetailDrawer } from "@/components/DetailDrawer";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";

export const sourceKinds: readonly SourceKind[] = [
  "web",
  "app",
  "mini_program",
  "official_account",
  "community",
  "server",
  "store",
  "call_center",
  "device",
  "import",
];

export function NewSourceDrawer(props: {
  open: boolean;
  onClose: () => void;
  onCreated: (s: Source) => void;
}) {
  const { t } = useTranslation();
  return (
    <DetailDrawer open={props.open} onClose={props.onClose} title={t("collect.sources.create")} width={480}>
      <NewSourceForm {...props} />
    </DetailDrawer>
  );
}

interface Fields {
  name: string;
  kind: SourceKind;
  rate_limit: number | null;
}

function NewSourceForm({ onClose, onCreated }: { onClose: () => void; onCreated: (s: Source) => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [key] = useState(idempotencyKey);
  const { touched, touch } = useTouched();
  useUnsaved(touched);
  const create = useWrite({
    mutationFn: (f: Fields) =>
      data(
        api.POST("/api/v1/sources", {
          params: { header: key },
          body: { name: f.name.trim(), kind: f.kind, rate_limit: f.rate_limit ?? 0 },
        }),
      ),
    onSuccess: async (s) => {
      await client.invalidateQueries({ queryKey: ["sources"] });
      onCreated(s);
    },
  });
  return (
    <Form<Fields>
      layout="vertical"
      requiredMark={false}
      initialValues={{ kind: "web", rate_limit: 0 }}
      onFinish={create.mutate}
      onValuesChange={touch}
    >
      <Form.Item
        name="name"
        label={t("collect.sources.name")}
        rules={[{ required: true, whitespace: true, message: "" }]}
      >
        <Input autoFocus maxLength={100} placeholder={t("collect.sources.namePlaceholder")} />
      </Form.Item>
      <Form.Item name="kind" label={t("collect.sources.kind")}>
        <KindPicker />
      </Form.Item>
      <Form.Item name="rate_limit" label={t("collect.sources.limit")} extra={t("collect.sources.limitHint")}>
        <InputNumber min={0} max={1_000_000} style={{ width: 160 }} />
      </Form.Item>
      <div className="row">
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t("action.create")}
        </Button>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </Form>
  );
}

function KindPicker({ value, onChange }: { value?: SourceKind; onChange?: (k: SourceKind) => void }) {
  const { t } = useTranslation();
  return (
    <div className="kinds" role="radiogroup">
      {sourceKinds.map((k) => (
        <label key={k} className="kind" data-on={value === k || undefined}>
          <input type="radio" name="kind" checked={value === k} onChange={() => onChange?.(k)} />
          <ChannelIcon channel={k} size={18} />
          {t(`collect.kinds.${k}`)}
        </label>
      ))}
    </div>
  );
}

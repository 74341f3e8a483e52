import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { App, AutoComplete, Button, Form, Input, Modal, Select, Switch } from "antd";
import { Copy, FolderPen } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { segmentsQuery } from "@/api/queries";
import type { Segment } from "@/api/types";
import { useMay } from "@/app/session";
import { useWrite } from "@/lib/useWrite";

interface Place {
  folder: string;
  labels: string[];
  owner: string;
  guarded: boolean;
}

/** Where people find a segment, who looks after it, and whether its rule is guarded. */
export function OrganiseButton({ segment: s }: { segment: Segment }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button type="text" icon={<FolderPen size={14} />} onClick={() => setOpen(true)}>
        {t("segments.organise")}
      </Button>
      {open && <OrganiseForm segment={s} onClose={() => setOpen(false)} />}
    </>
  );
}

function OrganiseForm({ segment: s, onClose }: { segment: Segment; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const mayApprove = useMay("segments:approve");
  const all = useQuery(segmentsQuery).data?.items ?? [];
  const known = (of: (one: Segment) => string[]) =>
    [...new Set(all.flatMap(of))]
      .filter(Boolean)
      .sort()
      .map((value) => ({ value }));
  const [form] = Form.useForm<Place>();
  const save = useWrite({
    mutationFn: (body: Place) =>
      data(api.PATCH("/api/v1/segments/{id}", { params: { path: { id: s.id } }, body })),
    onSuccess: async () => {
      onClose();
      message.success(t("segments.organised"));
      await client.invalidateQueries({ queryKey: ["segments"] });
    },
  });
  return (
    <Modal
      open
      title={t("segments.organiseTitle", { name: s.name })}
      okText={t("action.save")}
      cancelText={t("action.cancel")}
      confirmLoading={save.isPending}
      onCancel={onClose}
      onOk={() => form.submit()}
    >
      <Form<Place>
        form={form}
        layout="vertical"
        initialValues={{ folder: s.folder, labels: s.labels, owner: s.owner, guarded: s.guarded }}
        onFinish={(place) => save.mutate(place)}
      >
        <Form.Item name="folder" label={t("segments.folder")} extra={t("segments.folderHint")}>
          <AutoComplete options={known((one) => [one.folder])} maxLength={200} />
        </Form.Item>
        <Form.Item name="labels" label={t("segments.labels")}>
          <Select mode="tags" maxCount={20} options={known((one) => one.labels)} />
        </Form.Item>
        <Form.Item name="owner" label={t("segments.owner")}>
          <Input maxLength={200} />
        </Form.Item>
        {s.kind === "rule" && (
          <Form.Item
            name="guarded"
            label={t("segments.guarded")}
            valuePropName="checked"
            extra={t(s.guarded && !mayApprove ? "segments.guardLocked" : "segments.guardedHint")}
          >
            <Switch disabled={s.guarded && !mayApprove} />
          </Form.Item>
        )}
      </Form>
    </Modal>
  );
}

/** Makes a copy that begins with its own first version. */
export function DuplicateButton({ segment: s }: { segment: Segment }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const copy = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/segments/{id}/duplicate", {
          params: { path: { id: s.id }, header: idempotencyKey() },
          body: { name: name.trim() },
        }),
      ),
    onSuccess: async (made) => {
      setOpen(false);
      message.success(t("segments.duplicated", { name: made.name }));
      await client.invalidateQueries({ queryKey: ["segments"] });
      await navigate({ to: "/segments/$id", params: { id: made.id } });
    },
  });
  return (
    <>
      <Button
        type="text"
        icon={<Copy size={14} />}
        onClick={() => {
          setName(t("segments.copyName", { name: s.name }).slice(0, 200));
          setOpen(true);
        }}
      >
        {t("segments.duplicate")}
      </Button>
      <Modal
        open={open}
        title={t("segments.duplicateTitle", { name: s.name })}
        okText={t("segments.duplicate")}
        cancelText={t("action.cancel")}
        okButtonProps={{ disabled: !name.trim() }}
        confirmLoading={copy.isPending}
        onCancel={() => setOpen(false)}
        onOk={() => copy.mutate()}
      >
        <Form layout="vertical">
          <Form.Item label={t("segments.name")} htmlFor="segment-copy-name">
            <Input
              id="segment-copy-name"
              value={name}
              maxLength={200}
              onChange={(e) => setName(e.target.value)}
            />
          </Form.Item>
        </Form>
      </Modal>
    </>
  );
}

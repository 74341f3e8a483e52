import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button, Form, Input, InputNumber, Switch, Tabs, Tooltip } from "antd";
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data, idempotencyKey } from "@/api/client";
import type { LiveEvent, Source } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { CodeSnippet } from "@/components/CodeSnippet";
import { ConfirmButton, useConfirm } from "@/components/ConfirmButton";
import { CopyButton } from "@/components/CopyButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { LiveStatus } from "@/components/LiveStatus";
import { Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { PropertyPreview } from "@/components/Value";
import { useLabels } from "@/lib/labels";
import { useLiveList } from "@/lib/useLive";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { liveName } from "./rawEvent";
import { snippets } from "./snippets";

/** One source: its key, the code that sends to it, whether anything arrives, its settings. */
export function SourceDrawer(props: {
  id: string | undefined;
  sources: Source[] | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [last, setLast] = useState(props.id);
  if (props.id && props.id !== last) setLast(props.id);
  const source = props.sources?.find((s) => s.id === last);
  return (
    <DetailDrawer
      open={props.id !== undefined}
      onClose={props.onClose}
      title={source?.name ?? "…"}
      width={680}
    >
      {source ? (
        <Body key={source.id} source={source} onClose={props.onClose} />
      ) : (
        props.sources && <ErrorState error={new ApiError(404, t("state.notFound"), "", "")} />
      )}
    </DetailDrawer>
  );
}

function Body({ source, onClose }: { source: Source; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="stack drawer-stack">
      {source.write_key ? (
        <WriteKey source={source} />
      ) : (
        <p className="muted">{t("collect.sources.noKey")}</p>
      )}
      {source.kind === "import" && (
        <p>
          {t("collect.sources.importHint")}{" "}
          <Link to="/collect/imports" className="text-link">
            {t("collect.sources.importAction")}
          </Link>
        </p>
      )}
      {(source.write_key || source.kind === "import") && <Connect source={source} />}
      <Arriving source={source} />
      <SourceSettings source={source} onDeleted={onClose} />
    </div>
  );
}

function WriteKey({ source }: { source: Source }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const format = useFormat();
  const [shown, setShown] = useState(false);
  const [until, setUntil] = useState<string | null>(source.previous_key_until ?? null);
  const rotate = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/sources/{id}/rotate", {
          params: { path: { id: source.id }, header: idempotencyKey() },
        }),
      ),
    onSuccess: async (s) => {
      await client.invalidateQueries({ queryKey: ["sources"] });
      setShown(true);
      setUntil(s.previous_key_until ?? null);
      message.success(t("collect.sources.rotated"));
    },
  });
  const toggle = t(shown ? "collect.sources.conceal" : "collect.sources.reveal");
  return (
    <section>
      <h3 className="drawer-title">{t("collect.sources.writeKey")}</h3>
      <div className="key">
        <code>{shown ? source.write_key : `${source.write_key.slice(0, 7)}${"•".repeat(24)}`}</code>
        <Tooltip title={toggle}>
          <button type="button" className="icon-button" aria-label={toggle} onClick={() => setShown(!shown)}>
            {shown ? <EyeOff /> : <Eye />}
          </button>
        </Tooltip>
        <CopyButton text={source.write_key} />
        <ConfirmButton
          does="rotate"
          size="small"
          title={t("collect.sources.rotateTitle")}
          text={t("collect.sources.rotateText")}
          ok={t("collect.sources.rotate")}
          run={() => rotate.mutateAsync()}
          pending={rotate.isPending}
        >
          {t("collect.sources.rotate")}
        </ConfirmButton>
      </div>
      <p className="muted">{t("collect.sources.writeKeyHint")}</p>
      {until && Date.parse(until) > Date.now() && (
        <p data-testid="old-key">{t("collect.sources.rotatedUntil", { until: format.dateTime(until) })}</p>
      )}
    </section>
  );
}

function Connect({ source }: { source: Source }) {
  const { t } = useTranslation();
  return (
    <section>
      <h3 className="drawer-title">{t("collect.sources.connect")}</h3>
      <p className="muted">{t(`collect.sources.connectKind.${source.kind}`)}</p>
      <Tabs
        size="small"
        items={snippets(source.kind, window.location.origin, source.write_key, source.name).map((s) => ({
          key: s.key,
          label: s.label,
          children: (
            <div className="stack snippet-stack">
              {s.install && <CodeSnippet code={s.install} />}
              <CodeSnippet code={s.code} />
            </div>
          ),
        }))}
      />
    </section>
  );
}

/** Shows the first event the moment it arrives: the proof that the snippet works. */
function Arriving({ source }: { source: Source }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { items, state } = useLiveList<LiveEvent>(
    `/api/v1/live/events?source=${encodeURIComponent(source.id)}`,
    (e) => e.message_id,
    { limit: 5 },
  );
  return (
    <section>
      <div className="row drawer-title-row">
        <h3 className="drawer-title">{t("collect.sources.latest")}</h3>
        <LiveStatus state={state} />
        <Link to="/collect/debugger" search={{ source: source.id }} className="text-link push-right">
          {t("collect.sources.openDebugger")}
        </Link>
      </div>
      <ul className="arriving">
        {items.map((e) => (
          <li key={e.message_id}>
            <time className="muted">{format.time(e.received_at)}</time>
            <span className="ellipsis">
              {labels.event(liveName(e)) || t("collect.debugger.raw")}{" "}
              {e.rejected && <Pill tone="bad">{t("collect.debugger.rejected")}</Pill>}
            </span>
            <PropertyPreview properties={e.properties} max={3} />
          </li>
        ))}
        {items.length === 0 && <li className="muted arriving-none">{t("collect.sources.listening")}</li>}
      </ul>
    </section>
  );
}

function SourceSettings({ source, onDeleted }: { source: Source; onDeleted: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const client = useQueryClient();
  const may = useMay("sources:write");
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  const patch = useWrite({
    mutationFn: (body: { name?: string; enabled?: boolean; rate_limit?: number }) =>
      data(api.PATCH("/api/v1/sources/{id}", { params: { path: { id: source.id } }, body })),
    onSuccess: async () => {
      settle();
      await client.invalidateQueries({ queryKey: ["sources"] });
      message.success(t("state.saved"));
    },
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/sources/{id}", { params: { path: { id: source.id } } })),
    onSuccess: async () => {
      message.success(t("collect.sources.deleted", { name: source.name }));
      onDeleted();
      await client.invalidateQueries({ queryKey: ["sources"] });
    },
  });
  if (!may) return null;

  function toggle(enabled: boolean) {
    if (enabled) {
      patch.mutate({ enabled });
      return;
    }
    confirm({
      title: t("collect.sources.disableTitle"),
      text: t("collect.sources.disableText"),
      ok: t("collect.sources.disable"),
      danger: true,
      run: () => patch.mutateAsync({ enabled }),
    });
  }

  return (
    <section>
      <h3 className="drawer-title">{t("collect.sources.settings")}</h3>
      <Form
        key={`${source.name} ${source.rate_limit}`}
        layout="vertical"
        requiredMark={false}
        className="source-form"
        onValuesChange={touch}
        initialValues={{ name: source.name, rate_limit: source.rate_limit }}
        onFinish={(f: { name: string; rate_limit: number | null }) =>
          patch.mutate({ name: f.name.trim(), rate_limit: f.rate_limit ?? 0 })
        }
      >
        <Form.Item
          name="name"
          label={t("collect.sources.name")}
          rules={[{ required: true, whitespace: true, message: "" }]}
        >
          <Input maxLength={100} />
        </Form.Item>
        <Form.Item
          name="rate_limit"
          label={t("collect.sources.limit")}
          extra={t("collect.sources.limitHint")}
        >
          <InputNumber min={0} max={1_000_000} style={{ width: 160 }} />
        </Form.Item>
        <Button htmlType="submit" loading={patch.isPending}>
          {t("action.save")}
        </Button>
      </Form>
      <div className="source-switch">
        <div>
          <b>{t("collect.sources.enabled")}</b>
          <p className="muted">{t("collect.sources.enabledHint")}</p>
        </div>
        <Switch checked={source.enabled} onChange={toggle} aria-label={t("collect.sources.enabled")} />
      </div>
      <ConfirmButton
        does="delete"
        title={t("collect.sources.deleteTitle", { name: source.name })}
        text={t("collect.sources.deleteText")}
        ok={t("action.delete")}
        run={() => remove.mutateAsync()}
        pending={remove.isPending}
      >
        {t("collect.sources.delete")}
      </ConfirmButton>
    </section>
  );
}

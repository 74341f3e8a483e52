import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { App, Button, Checkbox, Form, Input } from "antd";
import { KeyRound, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { apiKeysQuery } from "@/api/queries";
import type { ApiKey, Rows, Scope } from "@/api/types";
import { useMay } from "@/app/session";
import { CodeSnippet } from "@/components/CodeSnippet";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { RowsText, useRowWords } from "@/components/RowsText";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { Permissions } from "./Permissions";
import { RowsField, useWholeRows } from "./RowsField";

const route = getRouteApi("/shell/settings");
const scopes: readonly Scope[] = ["read", "contacts", "write", "ingest", "metrics", "admin"];
const isNamed = (scope: string): scope is Scope => scopes.some((s) => s === scope);

export function Keys() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const query = useQuery(apiKeysQuery);
  const creating = route.useSearch().create === true;
  const setSearch = useSetSearch();
  const setCreating = (on: boolean) => setSearch({ create: on || undefined }, on ? "push" : undefined);
  const revoke = useWrite({
    mutationFn: (k: ApiKey) => data(api.DELETE("/api/v1/api-keys/{id}", { params: { path: { id: k.id } } })),
    onSuccess: async (_, k) => {
      message.success(t("settings.keys.revoked", { name: k.name }));
      await client.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  const may = useMay("keys:write");
  const revokeColumn: Column<ApiKey> = {
    key: "revoke",
    title: "",
    width: 88,
    align: "right",
    sortable: false,
    value: () => "",
    render: (k) => (
      <ConfirmButton
        does="revoke"
        size="small"
        title={t("settings.keys.revokeTitle", { name: k.name })}
        text={t("settings.keys.revokeText")}
        ok={t("settings.keys.revoke")}
        run={() => revoke.mutateAsync(k)}
        pending={revoke.isPending && revoke.variables.id === k.id}
      >
        {t("settings.keys.revoke")}
      </ConfirmButton>
    ),
  };
  const words = useRowWords("");
  const columns: Column<ApiKey>[] = [
    {
      key: "name",
      title: t("settings.keys.name"),
      width: 220,
      value: (k) => k.name,
      render: (k) => <b className="trait">{k.name}</b>,
    },
    {
      key: "prefix",
      title: t("settings.keys.prefix"),
      width: 140,
      value: (k) => k.prefix,
      render: (k) => <code>{k.prefix}…</code>,
    },
    {
      key: "scopes",
      title: t("settings.keys.scopes"),
      value: (k) => k.scopes.join(" "),
      render: (k) => (
        <span className="row">
          {k.scopes.map((s) => (
            <Pill key={s}>{isNamed(s) ? t(`settings.scope.${s}`) : s}</Pill>
          ))}
        </span>
      ),
    },
    {
      key: "rows",
      title: t("settings.rows.title"),
      width: 200,
      value: (k) => (k.rows ? k.rows.any.map(words).join(t("rows.or")) : ""),
      render: (k) => <RowsText rows={k.rows} self="" />,
    },
    {
      key: "created",
      title: t("settings.keys.created"),
      width: 130,
      align: "right",
      value: (k) => k.created_at,
      time: true,
      render: (k) => <RelativeTime at={k.created_at} />,
    },
    {
      key: "used",
      title: t("settings.keys.lastUsed"),
      width: 130,
      align: "right",
      value: (k) => k.last_used_at,
      time: true,
      render: (k) => <RelativeTime at={k.last_used_at} />,
    },
    ...(may ? [revokeColumn] : []),
  ];
  const add = may && (
    <Button type="primary" icon={<Plus size={14} />} onClick={() => setCreating(true)}>
      {t("settings.keys.add")}
    </Button>
  );
  return (
    <>
      <DataTable
        id="api-keys"
        label={t("settings.tabs.keys")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(k) => k.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        filters={query.data?.items.length ? add : null}
        empty={
          <EmptyState
            icon={<KeyRound />}
            title={t("settings.keys.empty")}
            hint={t("settings.keys.emptyHint")}
            action={add}
          />
        }
      />
      <Permissions of="scopes" />
      <DetailDrawer
        open={creating && may}
        onClose={() => setCreating(false)}
        title={t("settings.keys.add")}
        width={520}
      >
        <NewKey onDone={() => setCreating(false)} />
      </DetailDrawer>
    </>
  );
}

function NewKey({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const whole = useWholeRows();
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  const client = useQueryClient();
  const create = useWrite({
    mutationFn: (body: { name: string; scopes: Scope[]; rows: Rows }) =>
      data(api.POST("/api/v1/api-keys", { body: { ...body, name: body.name.trim() } })),
    onSuccess: () => {
      settle();
      void client.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  const key = create.data?.key;
  if (key) {
    return (
      <div className="stack drawer-stack">
        <section>
          <h3 className="drawer-title">{t("settings.keys.made")}</h3>
          <p className="muted">{t("settings.keys.madeHint")}</p>
          <CodeSnippet code={key} />
        </section>
        <section>
          <h3 className="drawer-title">{t("settings.keys.try")}</h3>
          <CodeSnippet
            code={`curl ${window.location.origin}/api/v1/stats \\\n  -H 'Authorization: Bearer ${key}'`}
          />
        </section>
        <div>
          <Button type="primary" onClick={onDone}>
            {t("settings.keys.done")}
          </Button>
        </div>
      </div>
    );
  }
  return (
    <Form
      layout="vertical"
      requiredMark={false}
      initialValues={{ scopes: ["read"], rows: null }}
      onFinish={create.mutate}
      onValuesChange={touch}
    >
      <Form.Item
        name="name"
        label={t("settings.keys.name")}
        rules={[{ required: true, whitespace: true, message: "" }]}
      >
        <Input autoFocus maxLength={100} placeholder={t("settings.keys.namePlaceholder")} />
      </Form.Item>
      <Form.Item
        name="scopes"
        label={t("settings.keys.scopes")}
        rules={[{ required: true, type: "array", min: 1, message: "" }]}
      >
        <Checkbox.Group className="scopes">
          {scopes.map((s) => (
            <Checkbox key={s} value={s}>
              {t(`settings.scope.${s}`)}
              <small className="muted option-hint">{t(`settings.scopeHint.${s}`)}</small>
            </Checkbox>
          ))}
        </Checkbox.Group>
      </Form.Item>
      <Form.Item name="rows" label={t("settings.rows.title")} {...whole}>
        <RowsField />
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={create.isPending}>
        {t("action.create")}
      </Button>
    </Form>
  );
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { App, Button, Form, Input, Select } from "antd";
import { Plus, UsersRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { usersQuery } from "@/api/queries";
import type { Role, Rows, User } from "@/api/types";
import { useMay, useSession } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { RowsText, useRowWords } from "@/components/RowsText";
import { EmptyState } from "@/components/states";
import { passwordLength } from "@/lib/password";
import { useRested } from "@/lib/useDraft";
import { useSetSearch } from "@/lib/useSetSearch";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { Permissions } from "./Permissions";
import { RowsField, useWholeRows } from "./RowsField";

const route = getRouteApi("/shell/settings");
const roles: readonly Role[] = ["admin", "analyst", "marketer", "consultant", "auditor", "developer"];

export function Users() {
  const { t } = useTranslation();
  const me = useSession()?.user?.id;
  const query = useQuery(usersQuery);
  const may = useMay("users:write");
  const creating = route.useSearch().create === true && may;
  const setSearch = useSetSearch();
  const [chosen, setChosen] = useState<User | null>(null);
  const open = creating ? "new" : chosen;
  const setOpen = (u: User | "new" | null) => {
    setChosen(u === "new" ? null : u);
    if (creating || u === "new")
      setSearch({ create: u === "new" || undefined }, u === "new" ? "push" : undefined);
  };
  const words = useRowWords(t("rows.member"));
  const columns: Column<User>[] = [
    {
      key: "email",
      title: t("settings.users.email"),
      value: (u) => u.email,
      render: (u) => (
        <span className="row">
          <b className="trait">{u.email}</b>
          {u.id === me && <Pill>{t("settings.users.you")}</Pill>}
        </span>
      ),
    },
    { key: "role", title: t("settings.users.role"), width: 140, value: (u) => t(`settings.role.${u.role}`) },
    {
      key: "rows",
      title: t("settings.rows.title"),
      width: 240,
      value: (u) => (u.rows ? u.rows.any.map(words).join(t("rows.or")) : ""),
      render: (u) => <RowsText rows={u.rows} self={t("rows.member")} />,
    },
    {
      key: "created",
      title: t("settings.users.created"),
      width: 160,
      align: "right",
      value: (u) => u.created_at,
      time: true,
      render: (u) => <RelativeTime at={u.created_at} />,
    },
    {
      key: "seen",
      title: t("settings.users.lastSeen"),
      width: 160,
      align: "right",
      value: (u) => u.last_seen_at,
      time: true,
      render: (u) => <RelativeTime at={u.last_seen_at} />,
    },
  ];
  return (
    <>
      <DataTable
        id="users"
        label={t("settings.tabs.users")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(u) => u.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        {...(may ? { onOpen: setOpen } : {})}
        openKey={open && open !== "new" ? open.id : undefined}
        filters={
          may && (
            <Button type="primary" icon={<Plus size={14} />} onClick={() => setOpen("new")}>
              {t("settings.users.add")}
            </Button>
          )
        }
        empty={
          <EmptyState
            icon={<UsersRound />}
            title={t("settings.users.empty")}
            hint={t("settings.users.emptyHint")}
          />
        }
      />
      <Permissions of="roles" />
      <DetailDrawer
        open={open !== null}
        onClose={() => setOpen(null)}
        title={open && open !== "new" ? open.email : t("settings.users.add")}
        width={480}
      >
        {open === "new" && <NewUser onDone={() => setOpen(null)} />}
        {open && open !== "new" && (
          <EditUser user={open} self={open.id === me} onDone={() => setOpen(null)} />
        )}
      </DetailDrawer>
    </>
  );
}

/** What follows every write about a member. */
function useDone(onDone: () => void) {
  const client = useQueryClient();
  return async () => {
    await client.invalidateQueries({ queryKey: ["users"] });
    onDone();
  };
}

function RoleSelect(props: { value?: Role; onChange?: (r: Role) => void }) {
  const { t } = useTranslation();
  return (
    <Select
      {...props}
      options={roles.map((r) => ({
        value: r,
        label: t(`settings.role.${r}`),
        hint: t(`settings.roleHint.${r}`),
      }))}
      optionRender={(o) => (
        <span>
          {o.label}
          <small className="muted option-hint">{o.data.hint}</small>
        </span>
      )}
    />
  );
}

/** Whom the member may see; an administrator sees everybody. */
function RowsItem({ me }: { me: string }) {
  const { t } = useTranslation();
  const whole = useWholeRows();
  const role = Form.useWatch<Role | undefined>("role");
  return role === "admin" ? (
    <Form.Item label={t("settings.rows.title")}>
      <span className="muted">{t("settings.rows.admin")}</span>
    </Form.Item>
  ) : (
    <Form.Item name="rows" label={t("settings.rows.title")} {...whole}>
      <RowsField me={me} />
    </Form.Item>
  );
}

interface NewMember {
  email: string;
  password: string;
  role: Role;
  rows?: Rows;
}

function NewUser({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { touched, touch } = useTouched();
  useUnsaved(touched);
  const create = useWrite({
    mutationFn: (body: NewMember) =>
      data(
        api.POST("/api/v1/users", { body: { ...body, rows: body.rows ?? null, email: body.email.trim() } }),
      ),
    onSuccess: useDone(onDone),
  });
  const [form] = Form.useForm<NewMember>();
  const email = useRested(Form.useWatch("email", form) ?? "").trim();
  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      initialValues={{ role: "analyst", rows: null }}
      onFinish={create.mutate}
      onValuesChange={touch}
    >
      <Form.Item
        name="email"
        label={t("settings.users.email")}
        rules={[{ required: true, type: "email", message: "" }]}
      >
        <Input autoFocus maxLength={254} autoComplete="off" />
      </Form.Item>
      <Form.Item name="role" label={t("settings.users.role")}>
        <RoleSelect />
      </Form.Item>
      <RowsItem me={email} />
      <Form.Item
        name="password"
        label={t("settings.users.password")}
        extra={t("settings.users.passwordHint", { n: passwordLength })}
        rules={[{ required: true, min: passwordLength, message: "" }]}
      >
        <Input.Password autoComplete="new-password" maxLength={256} />
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={create.isPending}>
        {t("settings.users.add")}
      </Button>
    </Form>
  );
}

function EditUser({ user, self, onDone }: { user: User; self: boolean; onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const done = useDone(onDone);
  const { touched, touch } = useTouched();
  useUnsaved(touched);
  const patch = useWrite({
    mutationFn: (body: { role?: Role; password?: string; rows?: Rows }) =>
      data(api.PATCH("/api/v1/users/{id}", { params: { path: { id: user.id } }, body })),
    onSuccess: done,
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/users/{id}", { params: { path: { id: user.id } } })),
    onSuccess: done,
  });
  return (
    <div className="stack drawer-stack">
      <Form
        layout="vertical"
        initialValues={{ role: user.role, rows: user.rows }}
        onValuesChange={touch}
        onFinish={(f: { role: Role; rows?: Rows }) =>
          patch.mutate(
            { role: f.role, rows: f.rows ?? null },
            { onSuccess: () => void message.success(t("state.saved")) },
          )
        }
      >
        <Form.Item name="role" label={t("settings.users.role")}>
          <RoleSelect />
        </Form.Item>
        <RowsItem me={user.email} />
        <Button type="primary" htmlType="submit" loading={patch.isPending}>
          {t("action.save")}
        </Button>
      </Form>
      <Form
        layout="vertical"
        requiredMark={false}
        onValuesChange={touch}
        onFinish={(f: { password: string }) =>
          patch.mutate(
            { password: f.password },
            { onSuccess: () => void message.success(t("settings.users.passwordSet", { email: user.email })) },
          )
        }
      >
        <Form.Item
          name="password"
          label={t("settings.users.newPassword")}
          extra={t("settings.users.setPasswordHint")}
          rules={[{ required: true, min: passwordLength, message: "" }]}
        >
          <Input.Password autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Button htmlType="submit" loading={patch.isPending}>
          {t("settings.users.setPassword")}
        </Button>
      </Form>
      {!self && (
        <div>
          <ConfirmButton
            does="delete"
            title={t("settings.users.removeTitle", { email: user.email })}
            text={t("settings.users.removeText")}
            ok={t("settings.users.remove")}
            run={() =>
              remove
                .mutateAsync()
                .then(() => void message.success(t("settings.users.removed", { email: user.email })))
            }
            pending={remove.isPending}
          >
            {t("settings.users.remove")}
          </ConfirmButton>
        </div>
      )}
    </div>
  );
}

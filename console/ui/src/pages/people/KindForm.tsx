import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { identityRulesQuery } from "@/api/queries";
import type { IdentityKind, IdentityRules } from "@/api/types";
import { useMay } from "@/app/session";
import { useConfirm } from "@/components/ConfirmButton";
import { useWrite } from "@/lib/useWrite";
import { useRerun } from "./Rerun";

type Rules = Pick<
  IdentityKind,
  | "role"
  | "priority"
  | "limit"
  | "normaliser"
  | "contact"
  | "tells_apart"
  | "shared_after"
  | "window_limit"
  | "window_days"
>;
/** As the form has them: no window is two empty fields, and shared_after a word or a number. */
type Values = Omit<Rules, "window_limit" | "window_days"> & {
  kind?: string;
  sharing: "never" | "after";
  window_limit?: number | null;
  window_days?: number | null;
};

const inForm = (k: IdentityKind): Values => ({
  ...k,
  sharing: k.shared_after < 0 ? "never" : "after",
  shared_after: k.shared_after < 0 ? 3 : k.shared_after,
  window_limit: k.window_limit || null,
  window_days: k.window_days || null,
});
const fresh: Values = {
  role: "identifies",
  priority: 30,
  limit: 10,
  normaliser: "text",
  contact: false,
  tells_apart: false,
  sharing: "after",
  shared_after: 3,
};
const outOfForm = ({ kind: _, sharing, ...v }: Values): Rules => {
  const both = v.role === "identifies" && v.window_limit && v.window_days;
  return {
    ...v,
    tells_apart: v.role === "identifies" && v.tells_apart === true,
    shared_after: sharing === "never" ? -1 : (v.shared_after ?? 3),
    window_limit: both ? (v.window_limit as number) : 0,
    window_days: both ? (v.window_days as number) : 0,
  };
};

/** Kinds, and forms of the same names, whose values are contacts by themselves. */
const contactsByName: readonly string[] = ["phone", "email", "plate", "vin"];

/** The rules of a kind, or of a new one. */
export function KindForm(props: { kind?: IdentityKind; normalisers: string[]; onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const client = useQueryClient();
  const [form] = Form.useForm<Values>();
  const may = useMay("identity:write");
  const maySee = useMay("jobs:read");
  const { kind } = props;
  const done = (rules: IdentityRules) => {
    client.setQueryData(identityRulesQuery.queryKey, rules);
    message.success(t("people.rules.saved"));
    props.onDone();
  };
  const save = useWrite({
    mutationFn: (v: Values) =>
      data(
        api.PATCH("/api/v1/identity/kinds/{kind}", {
          params: { path: { kind: kind?.kind ?? v.kind ?? "" } },
          body: outOfForm(v),
        }),
      ),
    onSuccess: done,
  });
  const reset = useWrite({
    mutationFn: (name: string) =>
      data(api.DELETE("/api/v1/identity/kinds/{kind}", { params: { path: { kind: name } } })),
    onSuccess: done,
  });
  // Who turns a kind's role learns what that does to the persons that exist.
  const submit = (v: Values) => {
    if (!kind || v.role === kind.role) return save.mutate(v);
    confirm({
      title: t(`people.rules.turn.${v.role}`),
      text: t(`people.rules.turnText.${v.role}`),
      ok: t("action.save"),
      run: () => save.mutateAsync(v),
    });
  };
  const run = useRerun();
  // Seen before it is saved: the run's card shows it.
  const look = async () => {
    const v = await form.validateFields();
    const name = kind?.kind ?? v.kind ?? "";
    await run.mutateAsync({ rules: { kinds: [{ kind: name, ...outOfForm(v) }] }, commit: false });
    props.onDone();
    document.querySelector("[data-rerun]")?.scrollIntoView({ block: "start" });
  };
  const role = Form.useWatch("role", form) ?? kind?.role ?? "identifies";
  const sharing = Form.useWatch("sharing", form) ?? "after";
  // Masked by their names, whatever the switch says.
  const namedContact = contactsByName.includes(kind?.kind ?? "");
  const always = kind?.kind === "user_id" || kind?.kind === "anonymous_id";
  return (
    <Form<Values>
      layout="vertical"
      requiredMark={false}
      disabled={!may}
      initialValues={kind ? inForm(kind) : fresh}
      onFinish={submit}
      form={form}
      // What a new kind's values look like says whether they are contacts, until somebody says so.
      onValuesChange={(change: Partial<Values>) => {
        if (!kind && change.normaliser && !form.isFieldTouched("contact"))
          form.setFieldValue("contact", contactsByName.includes(change.normaliser));
      }}
    >
      {!kind && (
        <Form.Item
          name="kind"
          label={t("people.rules.name")}
          extra={t("people.rules.nameHint")}
          rules={[{ required: true, pattern: /^[a-z0-9_]{1,32}$/, message: t("people.rules.nameHint") }]}
        >
          <Input autoFocus maxLength={32} placeholder="member_no" />
        </Form.Item>
      )}
      <Form.Item
        name="role"
        label={t("people.rules.role")}
        {...(always ? { extra: t("people.rules.always") } : {})}
      >
        <Radio.Group disabled={!may || always} className="kind-role">
          {(["identifies", "relates"] as const).map((r) => (
            <Radio key={r} value={r}>
              {t(`people.rules.roles.${r}`)}
              <small className="muted">{t(`people.rules.roleHint.${r}`)}</small>
            </Radio>
          ))}
        </Radio.Group>
      </Form.Item>
      <div className="kind-numbers">
        <Form.Item
          name="priority"
          label={t("people.rules.priority")}
          extra={t("people.rules.priorityHelp")}
          rules={[{ required: true, message: "" }]}
        >
          <InputNumber min={0} max={1000} precision={0} />
        </Form.Item>
        <Form.Item
          name="limit"
          label={t("people.rules.limit")}
          extra={t("people.rules.limitHelp")}
          rules={[{ required: true, message: "" }]}
        >
          <InputNumber min={1} max={1_000_000} precision={0} />
        </Form.Item>
      </div>
      {role === "identifies" && <Windows />}
      {role === "identifies" && (
        <>
          <Form.Item
            name="tells_apart"
            label={t("people.rules.tellsApart")}
            valuePropName="checked"
            extra={t("people.rules.tellsApartHelp")}
          >
            <Switch />
          </Form.Item>
          <Form.Item
            label={t("people.rules.sharing")}
            extra={t(kind?.kind === "user_id" ? "people.rules.sharingNever" : "people.rules.sharingHelp")}
          >
            <div className="kind-sharing">
              <Form.Item name="sharing" noStyle>
                <Radio.Group disabled={!may || kind?.kind === "user_id"}>
                  <Radio value="after">{t("people.rules.sharingAfter")}</Radio>
                  <Radio value="never">{t("people.rules.sharingOff")}</Radio>
                </Radio.Group>
              </Form.Item>
              {sharing === "after" && (
                <Form.Item name="shared_after" noStyle>
                  <InputNumber
                    min={1}
                    max={50}
                    precision={0}
                    aria-label={t("people.rules.sharing")}
                    suffix={t("people.rules.sharingUnit")}
                  />
                </Form.Item>
              )}
            </div>
          </Form.Item>
        </>
      )}
      <Form.Item
        name="normaliser"
        label={t("people.rules.normaliser")}
        extra={t("people.rules.normaliserHelp")}
      >
        <Select
          options={props.normalisers.map((n) => ({
            value: n,
            label: t(`people.rules.normalisers.${n as "text"}`, { defaultValue: n }),
          }))}
        />
      </Form.Item>
      <Form.Item
        name="contact"
        label={t("people.rules.contact")}
        valuePropName="checked"
        extra={t(namedContact ? "people.rules.contactAlways" : "people.rules.contactHelp")}
      >
        <Switch disabled={!may || namedContact} />
      </Form.Item>
      {may && (
        <div className="row">
          <Button type="primary" htmlType="submit" loading={save.isPending}>
            {t(kind ? "action.save" : "action.create")}
          </Button>
          {maySee && (
            <Button loading={run.isPending} onClick={() => void look().catch(() => {})}>
              {t("people.rerun.see")}
            </Button>
          )}
          {kind?.changed && (
            <Button onClick={() => reset.mutate(kind.kind)} loading={reset.isPending}>
              {t(kind.built_in ? "people.rules.reset" : "people.rules.forget")}
            </Button>
          )}
        </div>
      )}
    </Form>
  );
}

/** So many that were first seen within so many days: both, or neither. */
function Windows() {
  const { t } = useTranslation();
  const both = ({ getFieldValue }: { getFieldValue: (name: string) => unknown }) => ({
    validator: () =>
      Boolean(getFieldValue("window_limit")) === Boolean(getFieldValue("window_days"))
        ? Promise.resolve()
        : Promise.reject(new Error(t("people.rules.windowBoth"))),
  });
  return (
    <div className="kind-numbers">
      <Form.Item
        name="window_limit"
        label={t("people.rules.windowLimit")}
        extra={t("people.rules.windowHelp")}
        dependencies={["window_days"]}
        rules={[both]}
      >
        <InputNumber min={1} max={1_000_000} precision={0} placeholder={t("people.rules.windowNone")} />
      </Form.Item>
      <Form.Item name="window_days" label={t("people.rules.windowDays")} dependencies={["window_limit"]}>
        <InputNumber min={1} max={3650} precision={0} placeholder={t("people.rules.windowNone")} />
      </Form.Item>
    </div>
  );
}

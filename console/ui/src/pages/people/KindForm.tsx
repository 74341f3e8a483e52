import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { identityRulesQuery } from "@/api/queries";
import type { IdentityKind, IdentityRules } from "@/api/types";
import { useMay } from "@/app/session";
import { useConfirm } from "@/components/ConfirmButton";
import { useWrite } from "@/lib/useWrite";

type Values = Pick<IdentityKind, "role" | "priority" | "limit" | "normaliser" | "contact"> & {
  kind?: string;
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
  const { kind } = props;
  const done = (rules: IdentityRules) => {
    client.setQueryData(identityRulesQuery.queryKey, rules);
    message.success(t("people.rules.saved"));
    props.onDone();
  };
  const save = useWrite({
    mutationFn: ({ kind: name, ...body }: Values) =>
      data(
        api.PATCH("/api/v1/identity/kinds/{kind}", {
          params: { path: { kind: kind?.kind ?? name ?? "" } },
          body,
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
  // Masked by their names, whatever the switch says.
  const namedContact = contactsByName.includes(kind?.kind ?? "");
  const always = kind?.kind === "user_id" || kind?.kind === "anonymous_id";
  return (
    <Form<Values>
      layout="vertical"
      requiredMark={false}
      disabled={!may}
      initialValues={
        kind ?? { role: "identifies", priority: 30, limit: 10, normaliser: "text", contact: false }
      }
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

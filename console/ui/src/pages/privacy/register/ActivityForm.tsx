import { useQueryClient } from "@tanstack/react-query";
import { Button, Checkbox, Form, Input, Select } from "antd";
import { Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { useSetSearch } from "@/lib/useSetSearch";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { AssessmentState, useClassLabel } from "./parts";
import { type Activity, type ActivityRecord, bases, type Register } from "./queries";

/** An activity. What the program sees is offered to choose from; a new one begins with all that nothing covers. */
export function ActivityForm(props: {
  register: Register;
  activity: ActivityRecord | undefined;
  onDone: () => void;
}) {
  const { register, activity } = props;
  const { t, i18n } = useTranslation();
  const client = useQueryClient();
  const label = useClassLabel();
  const may = useMay("register:write");
  const { touched, touch, settle } = useTouched();
  const leave = useUnsaved(touched);
  const save = useWrite({
    mutationFn: async (record: Activity) => {
      if (activity)
        await data(
          api.PUT("/api/v1/privacy/register/activities/{id}", {
            params: { path: { id: activity.id } },
            body: { version: activity.version, record },
          }),
        );
      else
        await data(
          api.POST("/api/v1/privacy/register/activities", {
            params: { header: idempotencyKey() },
            body: record,
          }),
        );
    },
    onSuccess: async () => {
      settle();
      leave();
      await client.invalidateQueries({ queryKey: ["register"] });
      props.onDone();
    },
  });
  const { facts } = register;
  const zh = i18n.language.startsWith("zh");
  return (
    <div className="stack drawer-stack">
      <Form<Activity>
        layout="vertical"
        requiredMark={false}
        disabled={!may}
        initialValues={activity ?? beginning(register)}
        onValuesChange={touch}
        onFinish={(v) => save.mutate({ ...(activity ? written(activity) : {}), ...v })}
      >
        <Form.Item
          name="name"
          label={t("register.name")}
          rules={[{ required: true, message: t("register.nameLacks") }]}
        >
          <Input maxLength={200} />
        </Form.Item>
        <Form.Item name="description" label={t("register.description")}>
          <Input.TextArea autoSize={{ minRows: 2, maxRows: 8 }} />
        </Form.Item>
        <Form.Item name="purposes" label={t("register.purposes")} extra={t("register.purposesHelp")}>
          <Select
            mode="multiple"
            options={facts.purposes.map((p) => ({ value: p.key, label: zh ? p.zh : p.en }))}
          />
        </Form.Item>
        <Form.Item name="basis" label={t("register.basis")}>
          <Select options={bases.map((b) => ({ value: b, label: t(`register.bases.${b}`) }))} />
        </Form.Item>
        <Form.Item name="basis_note" label={t("register.basisNote")}>
          <Input.TextArea autoSize={{ minRows: 1, maxRows: 6 }} />
        </Form.Item>
        <Form.Item name="people" label={t("register.people")}>
          <Select mode="tags" tokenSeparators={[",", "，"]} open={false} suffixIcon={null} />
        </Form.Item>
        <Form.Item name="classes" label={t("register.data")} extra={t("register.dataHelp")}>
          <Select
            mode="multiple"
            options={facts.data.map((d) => ({ value: d.class, label: label(d.class) }))}
          />
        </Form.Item>
        <Form.Item name="other_data" label={t("register.otherData")}>
          <Select mode="tags" tokenSeparators={[",", "，"]} open={false} suffixIcon={null} />
        </Form.Item>
        <Recipients register={register} />
        <Form.Item name="rules" label={t("register.rules")}>
          <Select mode="multiple" options={facts.rules.map((r) => ({ value: r, label: r }))} />
        </Form.Item>
        <Form.Item name="retention" label={t("register.retention")}>
          <Input.TextArea autoSize={{ minRows: 1, maxRows: 6 }} />
        </Form.Item>
        <Form.Item name="measures" label={t("register.measures")}>
          <Select mode="tags" tokenSeparators={[";", "；"]} open={false} suffixIcon={null} />
        </Form.Item>
        <Form.Item name="automated" valuePropName="checked" extra={t("register.automatedHelp")}>
          <Checkbox>{t("register.automated")}</Checkbox>
        </Form.Item>
        <Form.Item name="owner" label={t("register.owner")}>
          <Input maxLength={200} />
        </Form.Item>
        <Form.Item name="review_at" label={t("register.reviewAt")}>
          <Input type="date" style={{ width: 160 }} />
        </Form.Item>
        {activity && (
          <Form.Item name="ended" valuePropName="checked">
            <Checkbox>{t("register.isEnded")}</Checkbox>
          </Form.Item>
        )}
        {may && (
          <div className="row">
            <Button type="primary" htmlType="submit" loading={save.isPending}>
              {t("action.save")}
            </Button>
            <Button onClick={props.onDone}>{t("action.cancel")}</Button>
          </div>
        )}
      </Form>
      {activity && <Assessed register={register} activity={activity} />}
      {activity && (
        <p className="muted">
          {t("register.version", { version: activity.version, name: activity.changed_by })}
        </p>
      )}
    </div>
  );
}

/** What nothing covers, to begin with. */
function beginning(register: Register): Partial<Activity> {
  const of = (kind: string) => register.gaps.filter((g) => g.kind === kind).map((g) => g.subject);
  const recipients = of("recipient");
  return {
    basis: "consent",
    classes: of("data"),
    purposes: of("purpose"),
    recipients: register.facts.recipients
      .filter((r) => recipients.includes(`${r.kind}:${r.id}`))
      .map((r) => ({ kind: r.kind, id: r.id, name: r.name, country: "", safeguard: "" })),
  };
}

/** A record without what the server adds. */
function written(a: ActivityRecord): Activity {
  const { id: _id, version: _v, changed_by: _by, changed_at: _at, needs_assessment: _n, ...rest } = a;
  return rest;
}

function Recipients({ register }: { register: Register }) {
  const { t } = useTranslation();
  const may = useMay("register:write");
  const { recipients } = register.facts;
  return (
    <Form.Item label={t("register.recipients")} extra={t("register.recipientsHelp")}>
      <Form.List name="recipients">
        {(fields, { add, remove }) => (
          <>
            {fields.map((f) => (
              <div key={f.key} className="register-recipient">
                <Form.Item name={[f.name, "name"]} noStyle>
                  <Input aria-label={t("register.recipient")} placeholder={t("register.recipient")} />
                </Form.Item>
                <Form.Item name={[f.name, "country"]} noStyle normalize={(v: string) => v.toUpperCase()}>
                  <Input
                    aria-label={t("register.country")}
                    placeholder={t("register.countryShort")}
                    maxLength={2}
                  />
                </Form.Item>
                <Form.Item name={[f.name, "safeguard"]} noStyle>
                  <Input aria-label={t("register.safeguard")} placeholder={t("register.safeguard")} />
                </Form.Item>
                {may && (
                  <Button
                    type="text"
                    icon={<Trash2 size={14} />}
                    aria-label={t("register.removeRecipient")}
                    onClick={() => remove(f.name)}
                  />
                )}
              </div>
            ))}
            {may && (
              <div className="row">
                <Select
                  style={{ minWidth: 220 }}
                  value={null}
                  aria-label={t("register.addKnown")}
                  placeholder={t("register.addKnown")}
                  options={recipients.map((r) => ({
                    value: `${r.kind}:${r.id}`,
                    label: `${r.name} (${r.to})`,
                  }))}
                  onChange={(key: string) => {
                    const r = recipients.find((x) => `${x.kind}:${x.id}` === key);
                    if (r) add({ kind: r.kind, id: r.id, name: r.name, country: "", safeguard: "" });
                  }}
                />
                <Button
                  icon={<Plus size={14} />}
                  onClick={() => add({ name: "", country: "", safeguard: "" })}
                >
                  {t("register.addOther")}
                </Button>
              </div>
            )}
          </>
        )}
      </Form.List>
    </Form.Item>
  );
}

/** The assessments of an activity, and a button for the next one. */
function Assessed({ register, activity }: { register: Register; activity: ActivityRecord }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const may = useMay("register:write");
  const list = register.assessments.filter((a) => a.activity === activity.id);
  return (
    <section>
      <h3 className="drawer-title">{t("register.assessments")}</h3>
      {activity.needs_assessment && (
        <p className="muted">
          <Pill tone="warn">{t("register.needed")}</Pill> {t("register.neededHelp")}
        </p>
      )}
      {list.map((a) => (
        <p key={a.id} className="row">
          <button
            type="button"
            className="door"
            onClick={() => setSearch({ tab: "assessments", open: a.id }, "push")}
          >
            {a.title}
          </button>
          <AssessmentState assessment={a} />
        </p>
      ))}
      {may && (
        <Button
          size="small"
          icon={<Plus size={14} />}
          onClick={() => setSearch({ tab: "assessments", open: "new", of: activity.id }, "push")}
        >
          {t("register.newAssessment")}
        </Button>
      )}
    </section>
  );
}

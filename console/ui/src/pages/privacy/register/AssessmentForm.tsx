import { useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, InputNumber, Select } from "antd";
import { Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { AssessmentState } from "./parts";
import { type Assessment, type AssessmentRecord, decisions, type Register, type State } from "./queries";

/** What an activity means for people. A draft is written, handed in, and approved; what was approved can be taken back. */
export function AssessmentForm(props: {
  register: Register;
  assessment: AssessmentRecord | undefined;
  of: string;
  onDone: (id: string | undefined) => void;
}) {
  const { register, assessment } = props;
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay("register:write");
  const draft = !assessment || assessment.state === "draft";
  const { touched, touch, settle } = useTouched();
  const leave = useUnsaved(touched);
  const done = async (id: string | undefined) => {
    settle();
    leave();
    await client.invalidateQueries({ queryKey: ["register"] });
    props.onDone(id);
  };
  const save = useWrite({
    mutationFn: (record: Assessment) =>
      assessment
        ? data(
            api.PUT("/api/v1/privacy/register/assessments/{id}", {
              params: { path: { id: assessment.id } },
              body: { version: assessment.version, record },
            }),
          )
        : data(
            api.POST("/api/v1/privacy/register/assessments", {
              params: { header: idempotencyKey() },
              body: record,
            }),
          ),
    onSuccess: (saved) => done(saved.id),
  });
  const move = useWrite({
    mutationFn: (to: State) =>
      data(
        api.POST("/api/v1/privacy/register/assessments/{id}/move", {
          params: { path: { id: assessment?.id ?? "" }, header: idempotencyKey() },
          body: { version: assessment?.version ?? 0, to },
        }),
      ),
    onSuccess: (moved) => done(moved.id),
  });
  const text = (key: "necessity" | "impact" | "opinion" | "heard") => (
    <Form.Item name={key} label={t(`register.${key}`)} extra={t(`register.${key}Help`)}>
      <Input.TextArea autoSize={{ minRows: 2, maxRows: 12 }} />
    </Form.Item>
  );
  return (
    <div className="stack drawer-stack">
      {assessment && (
        <div className="row">
          <AssessmentState assessment={assessment} />
          {assessment.submitted_by && (
            <span className="muted">{t("register.submittedBy", { name: assessment.submitted_by })}</span>
          )}
          {assessment.approved_by && (
            <span className="muted">{t("register.approvedByName", { name: assessment.approved_by })}</span>
          )}
        </div>
      )}
      <Form<Assessment>
        layout="vertical"
        requiredMark={false}
        disabled={!may || !draft}
        initialValues={assessment ?? { activity: props.of || undefined, risks: [] }}
        onValuesChange={touch}
        onFinish={(v) => save.mutate({ ...v, activity: assessment?.activity ?? v.activity })}
      >
        <Form.Item
          name="title"
          label={t("register.assessmentTitle")}
          rules={[{ required: true, message: t("register.nameLacks") }]}
        >
          <Input maxLength={200} />
        </Form.Item>
        <Form.Item
          name="activity"
          label={t("register.activity")}
          rules={[{ required: true, message: t("register.activityLacks") }]}
        >
          <Select
            disabled={assessment !== undefined}
            options={register.activities.map((a) => ({ value: a.id, label: a.name }))}
          />
        </Form.Item>
        {text("necessity")}
        {text("impact")}
        <Risks may={may && draft} />
        {text("opinion")}
        {text("heard")}
        <Form.Item name="decision" label={t("register.decision")}>
          <Select
            allowClear
            options={decisions.map((d) => ({ value: d, label: t(`register.decisions.${d}`) }))}
          />
        </Form.Item>
        <Form.Item name="valid_until" label={t("register.validUntil")}>
          <Input type="date" style={{ width: 160 }} />
        </Form.Item>
        {may && draft && (
          <Button type="primary" htmlType="submit" loading={save.isPending}>
            {t("action.save")}
          </Button>
        )}
      </Form>
      {may && assessment && (
        <Moves assessment={assessment} touched={touched} move={(to) => move.mutate(to)} />
      )}
    </div>
  );
}

const moves: Record<State, readonly State[]> = {
  draft: ["in_review", "withdrawn"],
  in_review: ["approved", "draft", "withdrawn"],
  approved: ["draft", "withdrawn"],
  withdrawn: ["draft"],
};

function Moves(props: { assessment: AssessmentRecord; touched: boolean; move: (to: State) => void }) {
  const { t } = useTranslation();
  return (
    <div className="row">
      {moves[props.assessment.state ?? "draft"].map((to) => (
        <Button key={to} disabled={props.touched} onClick={() => props.move(to)}>
          {t(`register.moves.${to}`)}
        </Button>
      ))}
    </div>
  );
}

function Risks({ may }: { may: boolean }) {
  const { t } = useTranslation();
  const level = (name: number, key: "likelihood" | "severity" | "residual") => (
    <Form.Item name={[name, key]} noStyle>
      <InputNumber min={1} max={3} aria-label={t(`register.${key}`)} placeholder={t(`register.${key}`)} />
    </Form.Item>
  );
  return (
    <Form.Item label={t("register.risks")} extra={t("register.risksHelp")}>
      <Form.List name="risks">
        {(fields, { add, remove }) => (
          <>
            {fields.map((f) => (
              <div key={f.key} className="register-risk">
                <Form.Item name={[f.name, "risk"]} noStyle>
                  <Input.TextArea autoSize aria-label={t("register.risk")} placeholder={t("register.risk")} />
                </Form.Item>
                {level(f.name, "likelihood")}
                {level(f.name, "severity")}
                <Form.Item name={[f.name, "measure"]} noStyle>
                  <Input.TextArea
                    autoSize
                    aria-label={t("register.measure")}
                    placeholder={t("register.measure")}
                  />
                </Form.Item>
                {level(f.name, "residual")}
                {may && (
                  <Button
                    type="text"
                    icon={<Trash2 size={14} />}
                    aria-label={t("register.removeRisk")}
                    onClick={() => remove(f.name)}
                  />
                )}
              </div>
            ))}
            {may && (
              <Button
                icon={<Plus size={14} />}
                onClick={() => add({ risk: "", likelihood: 2, severity: 2, measure: "", residual: 1 })}
              >
                {t("register.addRisk")}
              </Button>
            )}
          </>
        )}
      </Form.List>
    </Form.Item>
  );
}

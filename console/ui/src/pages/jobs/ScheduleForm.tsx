import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, Radio, Select } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { activationsQuery, segmentsQuery } from "@/api/queries";
import type { Permission } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useSession } from "@/app/session";
import { PurposeSelect } from "@/components/PurposeSelect";
import { errorText } from "@/components/states";
import { usePurposes } from "@/lib/usePurposes";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { kindsQuery, previewQuery, type Schedule, type ScheduleDays } from "./queries";
import { useKindName } from "./words";

/** The kinds whose input this form can ask for. Others can be scheduled through the API. */
const known = ["backup", "segment.export", "activation.send"];
const presets = [
  { key: "night", cron: "30 2 * * *" },
  { key: "day", cron: "0 9 * * *" },
  { key: "monday", cron: "0 9 * * mon" },
  { key: "first", cron: "0 8 1 * *" },
  { key: "hour", cron: "@hourly" },
] as const;

interface Values {
  name: string;
  kind: string;
  segment?: string;
  purpose?: string;
  activation?: string;
  cron: string;
  days: ScheduleDays;
}

export function ScheduleForm({ schedule, onDone }: { schedule: Schedule | undefined; onDone: () => void }) {
  const { t } = useTranslation();
  const [form] = Form.useForm<Values>();
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  const client = useQueryClient();
  const session = useSession();
  const kindName = useKindName();
  const may = (p: string) => session?.permissions.includes(p as Permission) === true;
  const kinds = (useQuery(kindsQuery).data ?? []).filter(
    (k) => known.includes(k.name) && k.start !== "" && may(k.start),
  );
  const segments = useQuery(segmentsQuery).data?.items ?? [];
  const given = (schedule?.input ?? {}) as Given;
  const { policy } = usePurposes();
  const kind = Form.useWatch("kind", form) ?? schedule?.kind;
  const chosen = Form.useWatch("segment", form) ?? given.segment;
  const activations =
    useQuery({ ...activationsQuery, enabled: kind === "activation.send" }).data?.items ?? [];
  const save = useWrite({
    mutationFn: async (v: Values) => {
      const input = inputOf(v);
      if (!schedule) {
        const body = {
          name: v.name,
          cron: v.cron,
          days: v.days,
          kind: v.kind,
          ...(input ? { input: { ...input } } : {}),
        };
        return data(api.POST("/api/v1/schedules", { body }));
      }
      const moved = input && !same(input, given) ? { input } : {};
      const params = { path: { id: schedule.id } };
      const body = { name: v.name, cron: v.cron, days: v.days, ...moved };
      return data(api.PATCH("/api/v1/schedules/{id}", { params, body }));
    },
    onSuccess: async () => {
      settle();
      await client.invalidateQueries({ queryKey: ["schedules"] });
      onDone();
    },
  });
  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      initialValues={{
        name: schedule?.name ?? "",
        kind: schedule?.kind,
        segment: given.segment,
        purpose: given.purpose ?? "",
        activation: given.activation,
        cron: schedule?.cron ?? presets[0].cron,
        days: schedule?.days ?? "all",
      }}
      onFinish={(v) => save.mutate(v)}
      onValuesChange={touch}
    >
      <Form.Item
        name="name"
        label={t("jobs.schedule.name")}
        rules={[{ required: true, whitespace: true, message: "" }]}
      >
        <Input autoFocus={!schedule} maxLength={200} placeholder={t("jobs.schedule.namePlaceholder")} />
      </Form.Item>
      <Form.Item name="kind" label={t("jobs.what")} rules={[{ required: true, message: "" }]}>
        <Select
          disabled={schedule !== undefined}
          options={(schedule ? [{ name: schedule.kind }] : kinds).map((k) => ({
            value: k.name,
            label: kindName(k.name),
          }))}
        />
      </Form.Item>
      {kind === "segment.export" && (
        <Form.Item
          name="segment"
          label={t("jobs.schedule.segment")}
          rules={[{ required: true, message: "" }]}
        >
          <Select
            showSearch={{ optionFilterProp: "label" }}
            options={segments.map((s) => ({ value: s.id, label: s.name }))}
          />
        </Form.Item>
      )}
      {kind === "segment.export" && policy && (
        <Form.Item name="purpose" label={t("segments.purpose")}>
          <PurposeSelect use="act" usual={segments.find((s) => s.id === chosen)?.purpose} />
        </Form.Item>
      )}
      {kind === "activation.send" && (
        <Form.Item
          name="activation"
          label={t("jobs.schedule.activation")}
          rules={[{ required: true, message: "" }]}
        >
          <Select
            showSearch={{ optionFilterProp: "label" }}
            options={activations.map((a) => ({ value: a.id, label: a.name }))}
          />
        </Form.Item>
      )}
      <Form.Item label={t("jobs.schedule.when")} extra={t("jobs.schedule.cronHint")}>
        <Form.Item name="cron" noStyle rules={[{ required: true, whitespace: true, message: "" }]}>
          <Input className="mono" spellCheck={false} aria-label={t("jobs.schedule.when")} />
        </Form.Item>
        <div className="cron-presets">
          {presets.map((p) => (
            <Button
              key={p.key}
              size="small"
              onClick={() => {
                form.setFieldValue("cron", p.cron);
                touch();
              }}
            >
              {t(`jobs.schedule.presets.${p.key}`)}
            </Button>
          ))}
        </div>
      </Form.Item>
      <Form.Item name="days" label={t("jobs.schedule.daysTitle")}>
        <Radio.Group
          optionType="button"
          options={(["all", "working", "holiday"] as const).map((v) => ({
            value: v,
            label: t(`jobs.schedule.days.${v}`),
          }))}
        />
      </Form.Item>
      <Form.Item noStyle shouldUpdate={(a: Values, b: Values) => a.cron !== b.cron || a.days !== b.days}>
        {() => (
          <Preview
            cron={form.getFieldValue("cron") ?? schedule?.cron ?? presets[0].cron}
            days={form.getFieldValue("days") ?? "all"}
          />
        )}
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={save.isPending}>
        {t(schedule ? "action.save" : "action.create")}
      </Button>
    </Form>
  );
}

/** What a schedule hands to its jobs. */
type Given = {
  segment?: string;
  purpose?: string;
  activation?: string;
};

function inputOf(v: Values): Given | undefined {
  if (v.kind === "segment.export" && v.segment)
    return { segment: v.segment, ...(v.purpose ? { purpose: v.purpose } : {}) };
  if (v.kind === "activation.send" && v.activation) return { activation: v.activation };
  return undefined;
}

const same = (a: Given, b: Given) =>
  a.segment === b.segment && (a.purpose ?? "") === (b.purpose ?? "") && a.activation === b.activation;

/** When it would run: the proof that the expression means what it should. */
function Preview({ cron, days }: { cron: string; days: ScheduleDays }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery({ ...previewQuery(cron, days), enabled: cron.trim() !== "" });
  return (
    <Form.Item label={t("jobs.schedule.upcoming", { zone: query.data?.time_zone ?? format.timeZone })}>
      {query.error ? (
        <p className="muted" role="alert">
          {errorText(query.error)}
        </p>
      ) : (
        <ol className="preview-runs" aria-live="polite">
          {(query.data?.items ?? []).map((u) => (
            <li key={u.at}>
              <span>{format.dateTime(u.at)}</span>
              {u.name && <span className="muted">{u.name}</span>}
            </li>
          ))}
        </ol>
      )}
    </Form.Item>
  );
}

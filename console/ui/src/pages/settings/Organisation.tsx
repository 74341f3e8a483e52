import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Form, Input, Select } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { settingsQuery } from "@/api/queries";
import type { Settings } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ErrorState } from "@/components/states";
import { createFormat, zoneOffset } from "@/lib/format";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";

type Organisation = Settings["organisation"];
const currencies = [
  "CNY",
  "EUR",
  "USD",
  "HKD",
  "JPY",
  "GBP",
  "SGD",
  "KRW",
  "AUD",
  "CHF",
  "SEK",
  "NOK",
  "THB",
  "MYR",
  "AED",
];

export function Organisation() {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("settings:write");
  const query = useQuery(settingsQuery);
  const [form] = Form.useForm<Organisation>();
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  const zone = Form.useWatch("time_zone", form) ?? format.timeZone;
  const zones = useMemo(() => zoneOptions(query.data?.organisation.time_zone), [query.data]);
  const names = useMemo(() => new Intl.DisplayNames(format.lang, { type: "currency" }), [format.lang]);
  const save = useWrite({
    mutationFn: (organisation: Organisation) =>
      data(
        api.PATCH("/api/v1/settings", {
          body: { organisation: { ...organisation, name: organisation.name.trim() } },
        }),
      ),
    onSuccess: async () => {
      settle();
      message.success(t("state.saved"));
      await Promise.all([
        client.invalidateQueries({ queryKey: ["settings"] }),
        client.invalidateQueries({ queryKey: ["session"] }),
      ]);
    },
  });

  if (query.error && !query.data)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data)
    return (
      <div className="settings-form stack" aria-busy="true">
        {["name", "zone", "currency"].map((field) => (
          <span key={field} className="bone" style={{ width: "100%", height: 32 }} />
        ))}
      </div>
    );
  const current = query.data.organisation;
  const currencyList = currencies.includes(current.currency) ? currencies : [current.currency, ...currencies];
  return (
    <Form<Organisation>
      form={form}
      layout="vertical"
      requiredMark={false}
      className="settings-form"
      initialValues={current}
      onFinish={save.mutate}
      onValuesChange={touch}
      disabled={!may}
    >
      <Form.Item
        name="name"
        label={t("settings.organisation.name")}
        rules={[{ required: true, whitespace: true, message: "" }]}
      >
        <Input maxLength={100} />
      </Form.Item>
      <Form.Item
        name="time_zone"
        label={t("settings.organisation.zone")}
        extra={t("settings.organisation.zoneHint", {
          now: createFormat(format.lang, zone).dateTime(Date.now()),
        })}
      >
        <Select showSearch options={zones} />
      </Form.Item>
      <Form.Item
        name="currency"
        label={t("settings.organisation.currency")}
        extra={t("settings.organisation.currencyHint")}
      >
        <Select
          showSearch={{ optionFilterProp: "label" }}
          options={currencyList.map((c) => ({ value: c, label: `${c} · ${names.of(c) ?? c}` }))}
        />
      </Form.Item>
      {may ? (
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("action.save")}
        </Button>
      ) : (
        <p className="muted">{t("settings.organisation.readOnly")}</p>
      )}
    </Form>
  );
}

function zoneOptions(current: string | undefined): { value: string; label: string }[] {
  const all = new Set(["UTC", ...Intl.supportedValuesOf("timeZone")]);
  if (current) all.add(current);
  return [...all].map((value) => ({ value, label: `${value.replaceAll("_", " ")} (${zoneOffset(value)})` }));
}

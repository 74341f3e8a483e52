import { useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useMay } from "@/app/session";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import type { Register } from "./queries";

type Head = Register["head"];

/** Whose register it is. */
export function HeadForm({ register, onDone }: { register: Register; onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay("register:write");
  const { touched, touch, settle } = useTouched();
  const leave = useUnsaved(touched);
  const save = useWrite({
    mutationFn: (body: Head) => data(api.PUT("/api/v1/privacy/register/head", { body })),
    onSuccess: async () => {
      settle();
      leave();
      await client.invalidateQueries({ queryKey: ["register"] });
      onDone();
    },
  });
  return (
    <Form<Head>
      layout="vertical"
      requiredMark={false}
      disabled={!may}
      initialValues={register.head}
      onValuesChange={touch}
      onFinish={(v) => save.mutate({ ...v, country: v.country?.toUpperCase() ?? "" })}
    >
      {(["controller", "contact", "officer", "representative", "joint_with"] as const).map((key) => (
        <Form.Item key={key} name={key} label={t(`register.heads.${key}`)}>
          <Input maxLength={200} />
        </Form.Item>
      ))}
      <Form.Item name="country" label={t("register.country")} extra={t("register.countryHelp")}>
        <Input maxLength={2} style={{ width: 80 }} />
      </Form.Item>
      {may && (
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("action.save")}
        </Button>
      )}
    </Form>
  );
}

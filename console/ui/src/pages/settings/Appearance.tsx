import { App, Button, Form, Input, Segmented } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useSession } from "@/app/session";
import { changeLang, languages, pickLang } from "@/i18n";
import { passwordLength } from "@/lib/password";
import { setPreferences, usePreferences } from "@/lib/prefs";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";

/** What concerns one person: how the console looks to them, and their password. */
export function Appearance() {
  const { t } = useTranslation();
  const { theme, lang } = usePreferences();
  const session = useSession();
  return (
    <div className="settings-form stack">
      <div>
        <h3>{t("settings.appearance.theme")}</h3>
        <Segmented
          value={theme}
          onChange={(v) => setPreferences({ theme: v })}
          options={(["system", "light", "dark"] as const).map((v) => ({
            value: v,
            label: t(`appearance.${v}`),
          }))}
        />
      </div>
      <div>
        <h3>{t("settings.appearance.lang")}</h3>
        <Segmented
          value={lang}
          onChange={(v) => {
            setPreferences({ lang: v });
            void changeLang(pickLang(v, navigator.languages));
          }}
          options={[
            { value: "auto" as const, label: t("settings.appearance.auto") },
            ...languages.map((l) => ({ value: l.lang, label: l.name })),
          ]}
        />
      </div>
      <p className="muted">{t("settings.appearance.hint")}</p>
      {session?.user && !session.dev && <Password email={session.user.email} />}
    </div>
  );
}

function Password({ email }: { email: string }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [form] = Form.useForm();
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  const change = useWrite({
    mutationFn: (body: { current_password: string; password: string }) =>
      data(api.PATCH("/api/v1/session", { body })),
    onSuccess: () => {
      form.resetFields();
      settle();
      message.success(t("settings.appearance.changed"));
    },
  });
  return (
    <section className="settings-password">
      <h3>{t("settings.appearance.password")}</h3>
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        onFinish={change.mutate}
        onValuesChange={touch}
      >
        {/* Password managers need to know whose password it is. */}
        <input type="text" autoComplete="username" value={email} readOnly hidden />
        <Form.Item
          name="current_password"
          label={t("settings.appearance.current")}
          rules={[{ required: true, message: "" }]}
        >
          <Input.Password autoComplete="current-password" maxLength={256} />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("settings.appearance.next")}
          extra={t("auth.setup.passwordHint", { n: passwordLength })}
          rules={[{ required: true, min: passwordLength, message: "" }]}
        >
          <Input.Password autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Button htmlType="submit" loading={change.isPending}>
          {t("settings.appearance.change")}
        </Button>
      </Form>
    </section>
  );
}

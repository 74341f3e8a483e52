import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Form, Input, InputNumber, Select, Switch } from "antd";
import { Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { mailQuery } from "@/api/queries";
import type { Mail, MailQueue, MailTest } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";

/** Each language by its own name. */
const languages = ["en", "zh"].map((value) => ({
  value,
  label: new Intl.DisplayNames([value], { type: "language" }).of(value),
}));

type Draft = Omit<Mail, "has_password" | "queues"> & { password: string };

/** How mail is sent, who is told of alarms, and whether the mails arrive. */
export function MailTab() {
  const { touched, touch, settle } = useTouched();
  useUnsaved(touched);
  // A form that somebody writes in is left alone.
  const query = useQuery({ ...mailQuery, refetchInterval: touched ? false : 10_000 });
  if (query.error && !query.data)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data)
    return (
      <div className="settings-form stack" aria-busy="true">
        {["on", "host", "user", "from"].map((field) => (
          <span key={field} className="bone" style={{ width: "100%", height: 32 }} />
        ))}
      </div>
    );
  return <MailForm mail={query.data} touched={touched} touch={touch} settle={settle} />;
}

interface FormProps {
  mail: Mail;
  touched: boolean;
  touch: () => void;
  settle: () => void;
}

function MailForm({ mail, touched, touch, settle }: FormProps) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("mail:write");
  const [form] = Form.useForm<Draft>();
  const user = Form.useWatch("user", form) ?? mail.user;
  const save = useWrite({
    mutationFn: ({ password, ...rest }: Draft) =>
      data(
        api.PUT("/api/v1/mail", {
          body: { ...rest, password: password || null, recipients: rest.recipients ?? [] },
        }),
      ),
    onSuccess: (saved) => {
      settle();
      client.setQueryData(mailQuery.queryKey, saved);
      form.setFieldsValue(draftOf(saved));
      message.success(t("state.saved"));
    },
  });
  const test = useWrite({
    mutationFn: () => data(api.POST("/api/v1/mail/test", {})),
    onSuccess: () => client.invalidateQueries({ queryKey: ["mail"] }),
  });
  return (
    <div className="settings-form mail-form stack">
      <p className="muted">{t("settings.mail.about")}</p>
      <Form<Draft>
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={draftOf(mail)}
        onFinish={save.mutate}
        onValuesChange={touch}
        disabled={!may}
      >
        <Form.Item name="on" label={t("settings.mail.on")} valuePropName="checked">
          <Switch />
        </Form.Item>
        <h3>{t("settings.mail.server")}</h3>
        <div className="mail-server">
          <Form.Item name="host" label={t("settings.mail.host")}>
            <Input placeholder="smtp.example.com" maxLength={253} />
          </Form.Item>
          <Form.Item name="port" label={t("settings.mail.port")}>
            <InputNumber min={1} max={65535} precision={0} controls={false} />
          </Form.Item>
          <Form.Item name="security" label={t("settings.mail.security")}>
            <Select
              options={[
                { value: "starttls", label: "STARTTLS" },
                { value: "tls", label: "TLS" },
                { value: "none", label: t("settings.mail.unsecured") },
              ]}
            />
          </Form.Item>
        </div>
        <Form.Item name="user" label={t("settings.mail.user")} extra={t("settings.mail.userHint")}>
          <Input autoComplete="off" maxLength={320} />
        </Form.Item>
        {user !== "" && (
          <Form.Item name="password" label={t("settings.mail.password")}>
            <Input.Password
              autoComplete="new-password"
              placeholder={mail.has_password ? t("settings.mail.passwordKept") : ""}
            />
          </Form.Item>
        )}
        <Form.Item name="from" label={t("settings.mail.from")}>
          <Input placeholder="Touchstone <alarms@example.com>" maxLength={320} />
        </Form.Item>
        <h3>{t("settings.mail.people")}</h3>
        <Recipients queues={mail.queues} tests={touched ? undefined : test.data?.items} />
        <Form.Item name="closures" label={t("settings.mail.closures")} valuePropName="checked">
          <Switch />
        </Form.Item>
        <Form.Item
          name="console_url"
          label={t("settings.mail.console")}
          extra={t("settings.mail.consoleHint")}
        >
          <Input placeholder={window.location.origin} maxLength={500} />
        </Form.Item>
        {may ? (
          <div className="row">
            <Button type="primary" htmlType="submit" loading={save.isPending}>
              {t("action.save")}
            </Button>
            <Button
              loading={test.isPending}
              disabled={touched || mail.recipients.length === 0}
              title={touched ? t("settings.mail.testHint") : undefined}
              onClick={() => test.mutate()}
            >
              {t("settings.mail.test")}
            </Button>
          </div>
        ) : (
          <p className="muted">{t("settings.mail.readOnly")}</p>
        )}
      </Form>
    </div>
  );
}

const draftOf = ({ has_password: _, queues: __, ...rest }: Mail): Draft => ({ ...rest, password: "" });

function Recipients({
  queues,
  tests,
}: {
  queues: readonly MailQueue[];
  tests: readonly MailTest[] | undefined;
}) {
  const { t, i18n } = useTranslation();
  const form = Form.useFormInstance<Draft>();
  const recipients = Form.useWatch("recipients", form) ?? [];
  return (
    <Form.List name="recipients">
      {(fields, { add, remove }) => (
        <div className="stack mail-recipients">
          {fields.map((f) => {
            const address = recipients[f.name]?.address;
            return (
              <div key={f.key}>
                <div className="row nowrap">
                  <Form.Item noStyle name={[f.name, "address"]}>
                    <Input
                      placeholder="someone@example.com"
                      aria-label={t("settings.mail.address")}
                      maxLength={254}
                    />
                  </Form.Item>
                  <Form.Item noStyle name={[f.name, "language"]}>
                    <Select
                      className="mail-language"
                      aria-label={t("settings.mail.language")}
                      options={languages}
                    />
                  </Form.Item>
                  <Button
                    type="text"
                    icon={<Trash2 size={14} />}
                    aria-label={t("settings.mail.remove")}
                    onClick={() => remove(f.name)}
                  />
                </div>
                <Arrival
                  queue={queues.find((q) => q.address === address)}
                  test={tests?.find((x) => x.address === address)}
                />
              </div>
            );
          })}
          <div>
            <Button
              size="small"
              icon={<Plus size={13} />}
              onClick={() => add({ address: "", language: i18n.language.startsWith("zh") ? "zh" : "en" })}
            >
              {t("settings.mail.add")}
            </Button>
          </div>
        </div>
      )}
    </Form.List>
  );
}

/** What became of the mails to an address; the test that was just made comes first. */
function Arrival({ queue, test }: { queue: MailQueue | undefined; test: MailTest | undefined }) {
  const { t } = useTranslation();
  const say = useSayText();
  const format = useFormat();
  if (test)
    return (
      <div className="mail-state" data-testid="mail-test">
        <Pill tone={test.ok ? "good" : "bad"} dot>
          {t(test.ok ? "settings.mail.states.tested" : "settings.mail.states.testFailed")}
        </Pill>
        {test.error && <span>{say(test.error_text, test.error)}</span>}
      </div>
    );
  if (!queue) return null;
  const dead = queue.dead_letters > 0 && (
    <span className="muted">
      {t("settings.mail.dead", { count: queue.dead_letters, n: format.num(queue.dead_letters) })}
    </span>
  );
  if (queue.failures > 0)
    return (
      <div className="mail-state">
        <Pill tone="bad" dot>
          {t("settings.mail.states.failing")}
        </Pill>
        <span>{say(queue.error_text, queue.error)}</span>
        {dead}
      </div>
    );
  return (
    <div className="mail-state">
      {queue.waiting > 0 ? (
        <Pill dot>{t("settings.mail.states.waiting")}</Pill>
      ) : queue.delivered_at ? (
        <span className="muted">
          {t("settings.mail.states.sent")} <ExactTime at={queue.delivered_at} />
        </span>
      ) : (
        <span className="muted">{t("settings.mail.states.none")}</span>
      )}
      {dead}
    </div>
  );
}

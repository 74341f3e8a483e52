import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Button, Form, Input } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import { errorText } from "@/components/states";
import { passwordLength } from "@/lib/password";
import { AuthFrame } from "./AuthFrame";

/** The first run: whoever can read the server's output becomes its administrator. */
export function SetupPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const title = t("auth.setup.title");
  useEffect(() => {
    document.title = `${title} · Touchstone`;
  }, [title]);
  const setup = useMutation({
    mutationFn: (body: { token: string; email: string; password: string }) =>
      data(
        api.POST("/api/v1/setup", {
          body: { token: body.token.trim(), email: body.email.trim(), password: body.password },
        }),
      ),
    onSuccess: async (s) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, s);
      await navigate({ to: "/" });
    },
  });

  if (session && !session.setup_required) {
    return (
      <AuthFrame title={t("auth.setup.done")}>
        <p className="auth-note">
          <Link to="/sign-in" className="text-link">
            {t("auth.signIn.title")}
          </Link>
        </p>
      </AuthFrame>
    );
  }
  return (
    <AuthFrame title={title} about={t("auth.setup.about")}>
      <Form layout="vertical" requiredMark={false} onFinish={setup.mutate} size="large">
        {setup.error && (
          <p className="auth-error" role="alert">
            {errorText(setup.error)}
          </p>
        )}
        <Form.Item
          name="token"
          label={t("auth.setup.token")}
          extra={t("auth.setup.tokenHint")}
          rules={[{ required: true, message: "" }]}
        >
          <Input autoFocus autoComplete="one-time-code" className="mono" spellCheck={false} />
        </Form.Item>
        <Form.Item name="email" label={t("auth.setup.email")} rules={[{ required: true, message: "" }]}>
          <Input autoComplete="username" inputMode="email" maxLength={254} />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("auth.setup.password")}
          extra={t("auth.setup.passwordHint", { n: passwordLength })}
          rules={[{ required: true, min: passwordLength, message: "" }]}
        >
          <Input.Password autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={setup.isPending}>
          {t("auth.setup.submit")}
        </Button>
      </Form>
    </AuthFrame>
  );
}

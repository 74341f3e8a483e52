import { useMutation } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { Button, Form, Input } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, api, data } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { errorText } from "@/components/states";
import { AuthFrame } from "./AuthFrame";

const route = getRouteApi("/sign-in");

export function SignInPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const router = useRouter();
  const { next } = route.useSearch();
  const title = t("auth.signIn.title");
  useEffect(() => {
    document.title = `${title} · Touchstone`;
  }, [title]);

  const signIn = useMutation({
    mutationFn: (body: { email: string; password: string }) =>
      data(api.POST("/api/v1/session", { body: { email: body.email.trim(), password: body.password } })),
    onSuccess: (session) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      router.history.push(next ?? "/");
    },
  });
  const error = signIn.error;
  const text =
    error instanceof ApiError && error.status === 401
      ? t("auth.signIn.wrong")
      : error instanceof ApiError && error.status === 429 && error.retryAfter
        ? t("auth.signIn.tooMany", { when: format.duration(error.retryAfter) })
        : error && errorText(error);

  return (
    <AuthFrame title={title}>
      <Form layout="vertical" requiredMark={false} onFinish={signIn.mutate} size="large">
        {text && (
          <p className="auth-error" role="alert">
            {text}
          </p>
        )}
        <Form.Item name="email" label={t("auth.signIn.email")} rules={[{ required: true, message: "" }]}>
          <Input autoFocus autoComplete="username" inputMode="email" maxLength={254} />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("auth.signIn.password")}
          rules={[{ required: true, message: "" }]}
        >
          <Input.Password autoComplete="current-password" maxLength={256} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={signIn.isPending}>
          {t("auth.signIn.submit")}
        </Button>
      </Form>
      <p className="auth-note">{t("auth.signIn.forgot")}</p>
    </AuthFrame>
  );
}

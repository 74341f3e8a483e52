import type { ErrorComponentProps } from "@tanstack/react-router";
import { Button } from "antd";
import { CircleSlash2, CloudOff, Lock, SearchX, TriangleAlert } from "lucide-react";
import { Component, type ErrorInfo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, NetworkError } from "@/api/client";
import type { Permission, Role, Rows } from "@/api/types";
import { CopyButton } from "./CopyButton";
import { LinkButton } from "./LinkButton";
import { RowsText } from "./RowsText";
import "./states.css";

/** The one shape of "nothing to show": an icon, what it is, what to do about it. */
function State(props: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  role?: "alert";
}) {
  return (
    <div className="state" role={props.role}>
      <div className="state-icon" aria-hidden="true">
        {props.icon}
      </div>
      <h3>{props.title}</h3>
      {props.children && <div className="state-text">{props.children}</div>}
      {props.actions && <div className="state-actions">{props.actions}</div>}
    </div>
  );
}

/** What belongs here, and the button or snippet that fills it. */
export function EmptyState(props: { icon?: ReactNode; title: string; hint?: ReactNode; action?: ReactNode }) {
  return (
    <State icon={props.icon ?? <CircleSlash2 />} title={props.title} actions={props.action}>
      {props.hint}
    </State>
  );
}

/** What failed, the id under which the server's log has it, and another try. */
export function ErrorState({
  error,
  onRetry,
  title,
}: {
  error: unknown;
  onRetry?: (() => void) | undefined;
  title?: string;
}) {
  const { t } = useTranslation();
  const retry = onRetry && (
    <Button onClick={onRetry} size="small">
      {t("action.retry")}
    </Button>
  );
  if (error instanceof ApiError && error.status === 403) {
    return (
      <State icon={<Lock />} title={t("state.forbidden")}>
        <p>{error.message}</p>
        <p className="muted">{error.hint || t("state.forbiddenHint")}</p>
      </State>
    );
  }
  if (error instanceof ApiError && error.status === 404) {
    return (
      <State icon={<SearchX />} title={t("state.notFound")}>
        <p>{t("state.notFoundHint")}</p>
        <p className="muted">{error.message}</p>
      </State>
    );
  }
  if (error instanceof NetworkError) {
    return (
      <State icon={<CloudOff />} title={title ?? t("state.failed")} actions={retry} role="alert">
        {t("state.offline")}
      </State>
    );
  }
  return (
    <State icon={<TriangleAlert />} title={title ?? t("state.failed")} actions={retry} role="alert">
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {error instanceof ApiError && error.hint && <p>{error.hint}</p>}
      {error instanceof ApiError && error.errorId && (
        <p className="state-id">
          {t("state.errorId")} <code>{error.errorId}</code>
          <CopyButton text={error.errorId} />
        </p>
      )}
    </State>
  );
}

/** What a failed write says, in one line. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.hint ? `${error.message} ${error.hint}` : error.message;
  return error instanceof Error ? error.message : String(error);
}

export function CrashPage({ error, reset }: ErrorComponentProps) {
  return (
    <div className="page">
      <Crash error={error} reset={reset} />
    </div>
  );
}

function Crash({ error, reset }: { error: unknown; reset: () => void }) {
  const { t } = useTranslation();
  if (error instanceof ApiError || error instanceof NetworkError)
    return <ErrorState error={error} onRetry={reset} />;
  return (
    <State
      icon={<TriangleAlert />}
      title={t("state.crashed")}
      role="alert"
      actions={
        <Button size="small" onClick={reset}>
          {t("action.retry")}
        </Button>
      }
    >
      <p>{t("state.crashedHint")}</p>
      <p className="state-id">
        <code>{error instanceof Error ? error.message : String(error)}</code>
      </p>
    </State>
  );
}

/** Keeps one broken page from taking the navigation with it. */
export class CrashBoundary extends Component<{ children: ReactNode; resetKey: string }, { error: unknown }> {
  override state = { error: null as unknown };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override componentDidCatch(error: unknown, info: ErrorInfo) {
    console.error(error, info.componentStack);
  }
  override componentDidUpdate(prev: { resetKey: string }) {
    if (prev.resetKey !== this.props.resetKey && this.state.error !== null) this.setState({ error: null });
  }
  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="page">
        <Crash error={this.state.error} reset={() => this.setState({ error: null })} />
      </div>
    );
  }
}

/** A page that the caller may not see: what is missing, and who can grant it. */
export function ForbiddenState({ needed, role }: { needed: Permission | undefined; role: Role | undefined }) {
  const { t } = useTranslation();
  return (
    <State icon={<Lock />} title={t("state.forbidden")}>
      <p>
        {role ? t("state.forbiddenRole", { role: t(`settings.role.${role}`) }) : t("state.forbiddenHint")}
      </p>
      {needed && (
        <p className="muted">
          {t("state.forbiddenNeeds")} <code>{needed}</code>
        </p>
      )}
    </State>
  );
}

/** A page about everybody, for somebody who sees some people only. */
export function LimitedState({ rows }: { rows: Rows }) {
  const { t } = useTranslation();
  return (
    <State icon={<Lock />} title={t("state.limited")}>
      <p>{t("state.limitedHint")}</p>
      <p className="muted">
        {t("rows.yours")} <RowsText rows={rows} self={t("rows.you")} />
      </p>
    </State>
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <div className="page">
      <State
        icon={<SearchX />}
        title={t("state.pageNotFound")}
        actions={
          <LinkButton to="/" size="small">
            {t("state.home")}
          </LinkButton>
        }
      >
        {t("state.pageNotFoundHint")}
      </State>
    </div>
  );
}

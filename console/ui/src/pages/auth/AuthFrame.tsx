import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Logo } from "@/app/logo";
import { changeLang, languages } from "@/i18n";
import { setPreferences } from "@/lib/prefs";
import "./auth.css";

/** The stone on one side, the form on the other. */
export function AuthFrame({
  title,
  about,
  children,
}: {
  title: string;
  about?: string;
  children: ReactNode;
}) {
  const { t, i18n } = useTranslation();
  const other = languages.find((l) => l.lang !== i18n.language) ?? languages[0];
  return (
    <div className="auth">
      <aside className="auth-stone">
        <div className="auth-brand">
          <Logo size={28} />
          <b>Touchstone</b>
        </div>
        <svg className="auth-streak" viewBox="0 0 400 300" preserveAspectRatio="none" aria-hidden="true">
          <path d="M-10 262C60 246 118 206 176 168S300 92 410 34" />
          <path d="M-10 274c80-14 150-58 214-100S320 106 410 66" />
        </svg>
        <p>{t("auth.motto")}</p>
      </aside>
      <main className="auth-main">
        {other && (
          <button
            type="button"
            className="auth-lang"
            lang={other.lang}
            onClick={() => {
              setPreferences({ lang: other.lang });
              void changeLang(other.lang);
            }}
          >
            {other.name}
          </button>
        )}
        <div className="auth-form">
          <h1>{title}</h1>
          {about && <p className="muted">{about}</p>}
          {children}
        </div>
      </main>
    </div>
  );
}

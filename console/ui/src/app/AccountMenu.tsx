import { useNavigate } from "@tanstack/react-router";
import { Dropdown, type MenuProps } from "antd";
import { CircleUserRound } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queryClient } from "@/api/queries";
import { RowsText } from "@/components/RowsText";
import { changeLang, languages } from "@/i18n";
import { setPreferences, usePreferences } from "@/lib/prefs";
import { useSession } from "./session";

/** Who is signed in, and how the console looks to them. */
export function AccountMenu({ rail, onHelp }: { rail: boolean; onHelp: () => void }) {
  const { t, i18n } = useTranslation();
  const session = useSession();
  const { theme } = usePreferences();
  const navigate = useNavigate();
  const name = session?.user?.email ?? (session?.dev ? "dev" : "");

  async function signOut() {
    await api.DELETE("/api/v1/session");
    queryClient.clear();
    await navigate({ to: "/sign-in" });
  }

  const items: MenuProps["items"] = [
    {
      key: "who",
      type: "group",
      label:
        session?.user && !session.dev ? t("nav.signedInAs", { email: session.user.email }) : t("nav.devMode"),
    },
    ...(session?.rows
      ? [
          {
            key: "rows",
            type: "group" as const,
            label: (
              <span className="menu-rows">
                {t("rows.yours")} <RowsText rows={session.rows} self={t("rows.you")} />
              </span>
            ),
          },
        ]
      : []),
    {
      key: "theme",
      type: "group",
      label: t("nav.appearance"),
      children: (["system", "light", "dark"] as const).map((m) => ({
        key: `theme-${m}`,
        label: t(`appearance.${m}`),
        onClick: () => setPreferences({ theme: m }),
      })),
    },
    {
      key: "lang",
      type: "group",
      label: t("nav.language"),
      children: languages.map(({ lang, name }) => ({
        key: `lang-${lang}`,
        label: name,
        onClick: () => {
          setPreferences({ lang });
          void changeLang(lang);
        },
      })),
    },
    { type: "divider" },
    {
      key: "shortcuts",
      label: (
        <span className="menu-hint">
          {t("nav.shortcuts")} <kbd>?</kbd>
        </span>
      ),
      onClick: onHelp,
    },
    {
      key: "docs",
      label: (
        <a href="/docs" target="_blank" rel="noreferrer">
          {t("nav.docs")}
        </a>
      ),
    },
    ...(session?.user && !session.dev
      ? [{ key: "out", label: t("nav.signOut"), onClick: () => void signOut() }]
      : []),
    { key: "version", type: "group", label: t("nav.version", { version: session?.version ?? "" }) },
  ];

  return (
    <Dropdown
      trigger={["click"]}
      placement="topLeft"
      menu={{
        items,
        selectable: true,
        selectedKeys: [`theme-${theme}`, `lang-${i18n.language}`],
        style: { minWidth: 200 },
      }}
    >
      <button
        type="button"
        className={rail ? "icon-button" : "nav-item nav-account"}
        aria-label={t("nav.account")}
      >
        <CircleUserRound aria-hidden="true" />
        {!rail && <span className="ellipsis">{name}</span>}
      </button>
    </Dropdown>
  );
}

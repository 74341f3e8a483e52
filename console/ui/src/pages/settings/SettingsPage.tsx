import { getRouteApi } from "@tanstack/react-router";
import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import type { Permission } from "@/api/types";
import { Refused } from "@/app/Refused";
import { mayIn, useLimited, useSession } from "@/app/session";
import { PageHeader } from "@/components/PageHeader";
import { useSetSearch } from "@/lib/useSetSearch";
import { Appearance } from "./Appearance";
import { Audit } from "./Audit";
import { Keys } from "./Keys";
import { MailTab } from "./MailTab";
import { Organisation } from "./Organisation";
import { Users } from "./Users";
import "./settings.css";

/** What the tabs beyond one's own need. */
const needs: Readonly<Record<string, Permission>> = {
  users: "users:read",
  keys: "keys:read",
  mail: "mail:read",
  audit: "audit:read",
};
const route = getRouteApi("/shell/settings");

export function SettingsPage() {
  const { t } = useTranslation();
  const { tab = "organisation" } = route.useSearch();
  const setSearch = useSetSearch();
  const session = useSession();
  // The log tells of everybody; what it needs also opens what was done about one person.
  const limited = useLimited();
  const may = (key: string) => mayIn(session, needs[key]) && !(limited && key === "audit");
  const all = [
    { key: "organisation", label: t("settings.tabs.organisation"), children: <Organisation /> },
    { key: "appearance", label: t("settings.tabs.appearance"), children: <Appearance /> },
    { key: "users", label: t("settings.tabs.users"), children: <Users /> },
    { key: "keys", label: t("settings.tabs.keys"), children: <Keys /> },
    { key: "mail", label: t("settings.tabs.mail"), children: <MailTab /> },
    { key: "audit", label: t("settings.tabs.audit"), children: <Audit /> },
  ];
  const items = all.filter((i) => may(i.key));
  // A link may lead to a tab that its reader is not offered: no tab is marked, and it says what is missing.
  const forbidden = !may(tab);
  return (
    <div className="page">
      <PageHeader title={t("settings.title")} about={t("settings.about")} />
      <Tabs
        activeKey={forbidden ? "" : tab}
        onChange={(key) =>
          setSearch({
            tab: key === "organisation" ? undefined : key,
            sort: undefined,
            create: undefined,
            q: undefined,
            actor: undefined,
            action: undefined,
            target: undefined,
            within: undefined,
          })
        }
        destroyOnHidden
        items={items}
      />
      {forbidden && <Refused needed={needs[tab]} everybody={mayIn(session, needs[tab])} />}
    </div>
  );
}

import { getRouteApi } from "@tanstack/react-router";
import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { PageHeader } from "@/components/PageHeader";
import { useSetSearch } from "@/lib/useSetSearch";
import { Appearance } from "./Appearance";
import { Audit } from "./Audit";
import { Keys } from "./Keys";
import { Organisation } from "./Organisation";
import { Processes } from "./Processes";
import { Reactors } from "./Reactors";
import { Users } from "./Users";
import "./settings.css";

const route = getRouteApi("/shell/settings");

export function SettingsPage() {
  const { t } = useTranslation();
  const { tab = "organisation" } = route.useSearch();
  const setSearch = useSetSearch();
  const mayUsers = useMay("users:read");
  const mayKeys = useMay("keys:read");
  const mayAudit = useMay("audit:read");
  const mayReactors = useMay("reactors:read");
  const mayStats = useMay("stats:read");
  const items = [
    { key: "organisation", label: t("settings.tabs.organisation"), children: <Organisation /> },
    { key: "appearance", label: t("settings.tabs.appearance"), children: <Appearance /> },
    ...(mayUsers ? [{ key: "users", label: t("settings.tabs.users"), children: <Users /> }] : []),
    ...(mayKeys ? [{ key: "keys", label: t("settings.tabs.keys"), children: <Keys /> }] : []),
    ...(mayReactors ? [{ key: "reactors", label: t("settings.tabs.reactors"), children: <Reactors /> }] : []),
    ...(mayAudit ? [{ key: "audit", label: t("settings.tabs.audit"), children: <Audit /> }] : []),
    ...(mayStats ? [{ key: "processes", label: t("settings.tabs.processes"), children: <Processes /> }] : []),
  ];
  return (
    <div className="page">
      <PageHeader title={t("settings.title")} about={t("settings.about")} />
      <Tabs
        activeKey={items.some((i) => i.key === tab) ? tab : "organisation"}
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
            reactor: undefined,
          })
        }
        destroyOnHidden
        items={items}
      />
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Alert, Button, Tabs } from "antd";
import { Settings2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { ModelTab } from "./ModelTab";
import { PairsTab } from "./PairsTab";
import { linkageQuery } from "./queries";
import { RunState, StartRun } from "./Run";
import { SettingsForm } from "./SettingsForm";
import "./linkage.css";

const route = getRouteApi("/shell/linkage");

/** Persons whom no common identifier links: what is probable, and what somebody has to decide. */
export function LinkagePage() {
  const { t } = useTranslation();
  const { tab = "pairs", settings } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("identity:write");
  const query = useQuery(linkageQuery);
  const overview = query.data;
  const actions = may && (
    <>
      <Button
        icon={<Settings2 size={14} />}
        onClick={() => setSearch({ settings: true }, "push")}
        disabled={!overview}
      >
        {t("linkage.settings.title")}
      </Button>
      <StartRun first={overview?.model === null} />
    </>
  );
  return (
    <div className="page">
      <PageHeader title={t("linkage.title")} about={t("linkage.about")} actions={actions} />
      {query.error && !overview ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <>
          <RunState />
          {overview?.settings.automatic && (
            <Alert className="linkage-note" type="info" showIcon title={t("linkage.automaticOn")} />
          )}
          <Tabs
            activeKey={tab}
            onChange={(key) => setSearch({ tab: key === "pairs" ? undefined : key })}
            destroyOnHidden
            items={[
              { key: "pairs", label: t("linkage.tabs.pairs"), children: <PairsTab overview={overview} /> },
              { key: "model", label: t("linkage.tabs.model"), children: <ModelTab overview={overview} /> },
            ]}
          />
        </>
      )}
      <DetailDrawer
        open={settings === true && may && overview !== undefined}
        onClose={() => setSearch({ settings: undefined })}
        title={t("linkage.settings.title")}
        width={640}
      >
        {overview && (
          <SettingsForm settings={overview.settings} onClose={() => setSearch({ settings: undefined })} />
        )}
      </DetailDrawer>
    </div>
  );
}

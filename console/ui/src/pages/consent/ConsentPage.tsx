import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Segmented, Tabs } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { consentPolicyQuery } from "@/api/queries";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { NumbersTab } from "./NumbersTab";
import { PolicyTab } from "./PolicyTab";
import { type ConsentTab, consentTabs } from "./search";
import { VersionsTab } from "./VersionsTab";
import "./consent.css";

const route = getRouteApi("/shell/consent");

/** For which purposes data is used, in which words people are asked, and how many agree. */
export function ConsentPage() {
  const { t } = useTranslation();
  const { tab = "policy" } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery(consentPolicyQuery);
  const contents: Record<ConsentTab, () => React.ReactNode> = {
    policy: () =>
      query.data ? (
        <PolicyTab key={query.data.version} version={query.data} />
      ) : query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <span className="bone" style={{ width: "100%", height: 320 }} />
      ),
    numbers: () => <NumbersTab policy={query.data?.policy ?? null} />,
    versions: () => <VersionsTab />,
    preview: () => <Preview />,
  };
  return (
    <div className="page">
      <PageHeader title={t("consent.title")} about={t("consent.about")} />
      <Tabs
        activeKey={tab}
        onChange={(key) => setSearch({ tab: key === "policy" ? undefined : key })}
        destroyOnHidden
        items={consentTabs.map((key) => ({
          key,
          label: t(`consent.tabs.${key}`),
          children: contents[key](),
        }))}
      />
    </div>
  );
}

/** The page as people see it, about nobody. */
function Preview() {
  const { t, i18n } = useTranslation();
  const [lang, setLang] = useState(i18n.language.startsWith("zh") ? "zh" : "en");
  return (
    <div className="stack">
      <p className="muted">{t("consent.previewAbout")}</p>
      <div>
        <Segmented
          value={lang}
          onChange={setLang}
          options={[
            { value: "zh", label: t("consent.zh") },
            { value: "en", label: t("consent.en") },
          ]}
        />
      </div>
      <iframe
        className="consent-preview"
        title={t("consent.tabs.preview")}
        src={`/preferences/preview?lang=${lang}`}
        sandbox=""
      />
    </div>
  );
}

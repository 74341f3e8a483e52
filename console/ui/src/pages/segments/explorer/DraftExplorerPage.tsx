import { getRouteApi } from "@tanstack/react-router";
import { Shapes } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { prune } from "@/lib/rule";
import { compact } from "@/lib/search";
import type { Who } from "./doors";
import { Explorer } from "./Explorer";

const route = getRouteApi("/shell/segments/explore");

/** The explorer of conditions that are not saved: of the builder's, or of a number that one came from. */
export function DraftExplorerPage() {
  const { t } = useTranslation();
  const words = useRuleWords();
  const may = useMay("segments:write");
  const search = route.useSearch();
  const rule = useMemo(() => (search.rule ? prune(search.rule).rule : null), [search.rule]);
  const name = search.name || t("explorer.draft");
  const who = useMemo<Who | null>(() => rule && { rule, name }, [rule, name]);
  return (
    <div className="page">
      <PageHeader
        title={name}
        about={rule ? words.rule(rule) : t("explorer.draftAbout")}
        actions={
          may &&
          rule && (
            <LinkButton to="/segments/new" search={compact({ rule, name: search.name })} primary>
              {t("explorer.save")}
            </LinkButton>
          )
        }
      />
      {who && rule ? (
        <Explorer who={who} name={name} rule={rule} search={search} />
      ) : (
        <div className="card">
          <EmptyState
            icon={<Shapes />}
            title={t("segments.preview.empty")}
            hint={t("explorer.draftEmpty")}
            action={may && <LinkButton to="/segments/new">{t("segments.create")}</LinkButton>}
          />
        </div>
      )}
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sourcesQuery } from "@/api/queries";
import { useMay } from "@/app/session";
import { CodeSnippet } from "@/components/CodeSnippet";
import { LinkButton } from "@/components/LinkButton";
import { curlSnippet } from "@/pages/collect/snippets";

/** An empty server: what to do so that this page fills. It goes away by itself with the first event. */
export function GettingStarted() {
  const { t } = useTranslation();
  const may = useMay("sources:write");
  const sources = useQuery(sourcesQuery).data?.items;
  const key = sources?.find((s) => s.enabled && s.write_key)?.write_key;
  return (
    <section className="stone start">
      <h2>{t("overview.start.title")}</h2>
      <p>{t("overview.start.about")}</p>
      <ol>
        <li>
          <h3>{t("overview.start.source")}</h3>
          <p>{t("overview.start.sourceHint")}</p>
          {may && (
            <LinkButton to="/collect/sources" search={{ create: true }} primary={!key} ghost={Boolean(key)}>
              {t("collect.sources.create")}
            </LinkButton>
          )}
        </li>
        <li>
          <h3>{t("overview.start.send")}</h3>
          <p>{t("overview.start.sendHint")}</p>
          <CodeSnippet code={curlSnippet(window.location.origin, key ?? "WRITE_KEY")} />
        </li>
        <li>
          <h3>{t("overview.start.look")}</h3>
          <p>{t("overview.start.lookHint")}</p>
          <LinkButton to="/collect/debugger" ghost>
            {t("overview.debugger")}
          </LinkButton>
        </li>
      </ol>
      <p className="start-demo">
        {t("overview.start.demo")} <code>touchstone demo</code>
      </p>
    </section>
  );
}

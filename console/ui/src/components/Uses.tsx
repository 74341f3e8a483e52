import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { usesQuery } from "@/api/queries";
import type { Uses as Answer, Use, UsesAsked } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { useSources } from "@/lib/useSources";
import "./uses.css";

/** What hangs on a field, an event or a segment. */
export function Uses({ asked, without }: { asked: UsesAsked; without?: (u: Use) => boolean }) {
  const { t } = useTranslation();
  const query = useQuery(usesQuery(asked));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <span className="bone" style={{ width: "60%" }} />;
  const answer = without ? { ...query.data, uses: query.data.uses.filter((u) => !without(u)) } : query.data;
  if (answer.uses.length === 0 && answer.hidden === 0) return <p className="muted">{t("lineage.none")}</p>;
  return <UsesList answer={answer} />;
}

export function UsesList({ answer }: { answer: Pick<Answer, "uses" | "hidden" | "truncated"> }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <>
      <ul className="uses" aria-label={t("lineage.title")}>
        {answer.uses.map((u) => (
          <li key={`${u.kind} ${u.id} ${u.name}`}>
            <span className="row">
              <Pill tone={u.out ? "warn" : "plain"}>{t(`lineage.kinds.${u.kind}`)}</Pill>
              <UseName use={u} />
              <span className="muted push-right">{format.list(u.how.map((h) => t(`lineage.how.${h}`)))}</span>
            </span>
            {(u.via.length > 0 || u.out || u.owner) && (
              <span className="uses-more muted">
                {u.via.length > 0 && (
                  <span>
                    {t("lineage.via")}{" "}
                    {u.via.map((v, i) => (
                      <span key={`${v.kind} ${v.id}`}>
                        {i > 0 && <ArrowRight size={11} aria-hidden="true" />}{" "}
                        {v.name || t(`lineage.kinds.${v.kind}`)}{" "}
                      </span>
                    ))}
                  </span>
                )}
                {u.out && (
                  <span>
                    {t(`lineage.out.${u.out.contacts}`, {
                      name: u.kind === "schedule" ? t("lineage.file") : u.out.name,
                    })}
                  </span>
                )}
                {u.owner && <span>{t("lineage.owner", { name: u.owner })}</span>}
              </span>
            )}
          </li>
        ))}
      </ul>
      {answer.hidden > 0 && <p className="muted">{t("lineage.hidden", { count: answer.hidden })}</p>}
      {answer.truncated && <p className="muted">{t("lineage.truncated")}</p>}
    </>
  );
}

/** Where a definition is shown. */
function UseName({ use: u }: { use: Use }) {
  const { t } = useTranslation();
  const sources = useSources();
  const name = u.name || t(`lineage.kinds.${u.kind}`);
  const look = { className: "door ellipsis", title: name };
  switch (u.kind) {
    case "segment":
      return (
        <Link to="/segments/$id" params={{ id: u.id }} {...look}>
          {name}
        </Link>
      );
    case "webhook":
      return (
        <Link to="/webhooks/$id" params={{ id: u.id }} {...look}>
          {name}
        </Link>
      );
    case "plan":
      return (
        <Link to="/plans/$id" params={{ id: u.id }} {...look}>
          {name}
        </Link>
      );
    case "mend":
      return (
        <Link to="/collect/quarantine" search={{ view: "rules" }} {...look}>
          {name}
        </Link>
      );
    case "schedule":
      return (
        <Link to="/jobs" search={{ tab: "schedules", open: u.id }} {...look}>
          {name}
        </Link>
      );
    case "household":
      return (
        <Link to="/households" search={{ rules: true }} {...look}>
          {t("lineage.rules")}
        </Link>
      );
    case "model":
      return (
        <Link to="/linkage" search={{ tab: "model" }} {...look}>
          {t("lineage.model")}
        </Link>
      );
    case "consent":
      return (
        <Link to="/consent" {...look}>
          {name}
        </Link>
      );
    case "retention":
      return (
        <Link to="/privacy/retention" {...look}>
          {name}
        </Link>
      );
    case "hold":
      return (
        <Link to="/privacy/holds" search={{ hold: u.id }} {...look}>
          {name}
        </Link>
      );
    case "mail":
      return (
        <Link to="/settings" search={{ tab: "mail" }} {...look}>
          {name}
        </Link>
      );
    case "rows":
      return (
        <Link to="/settings" search={{ tab: "users" }} {...look}>
          {t("lineage.rows")}
        </Link>
      );
    case "expectation":
      return (
        <Link to="/collect/quality" search={{ source: u.id }} {...look}>
          {t("lineage.expectation", { event: u.name, source: sources.nameOf(u.id) })}
        </Link>
      );
    default:
      return <span {...look}>{name}</span>;
  }
}

/** Asks what hangs on something, beside a page: to warn before it is taken away. */
export const askUses = (asked: UsesAsked) =>
  data(api.GET("/api/v1/catalogue/uses", { params: { query: asked } }));

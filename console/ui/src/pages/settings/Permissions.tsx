import { useQuery } from "@tanstack/react-query";
import { Check, Minus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { rolesQuery } from "@/api/queries";
import type { Permission } from "@/api/types";
import { ErrorState } from "@/components/states";

/** What roles, or scopes, allow: a line for each permission that this server asks for. */
export function Permissions({ of }: { of: "roles" | "scopes" }) {
  const { t } = useTranslation();
  const query = useQuery(rolesQuery);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const answer = query.data;
  if (!answer)
    return (
      <section className="card permissions stack card-pad" aria-busy="true">
        {[24, 70, 62, 74, 58].map((w) => (
          <span key={w} className="bone" style={{ width: `${w}%` }} />
        ))}
      </section>
    );
  const columns =
    of === "roles"
      ? answer.roles.map((r) => ({ key: r.role, name: t(`settings.role.${r.role}`), has: r.permissions }))
      : answer.scopes.map((s) => ({
          key: s.scope,
          name: t(`settings.scope.${s.scope as "read"}`),
          has: s.permissions,
        }));
  return (
    <section className="card permissions">
      <div className="card-head">
        <h2>{t(of === "roles" ? "settings.permissions.roles" : "settings.permissions.scopes")}</h2>
      </div>
      <div className="permissions-scroll">
        <table className="permissions-table">
          <thead>
            <tr>
              <th scope="col">{t("settings.permissions.allows")}</th>
              {columns.map((c) => (
                <th scope="col" key={c.key}>
                  {c.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.permissions.map((p) => (
              <tr key={p.permission}>
                <th scope="row">
                  <Allows permission={p.permission} words={p.allows} />
                </th>
                {columns.map((c) => (
                  <td key={c.key}>
                    {c.has.includes(p.permission) ? (
                      <Check size={14} aria-label={t("settings.permissions.yes")} />
                    ) : (
                      <Minus size={14} className="faint" aria-label={t("settings.permissions.no")} />
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** A permission in words of the shown language; one that the console has no words for in the server's. */
function Allows({ permission, words }: { permission: Permission; words: string }) {
  const { t } = useTranslation();
  const key = permission.replace(":", "_") as "people_read";
  return (
    <div className="permissions-row">
      <span>{t(`settings.permissions.of.${key}`, { defaultValue: words })}</span>
      <code>{permission}</code>
    </div>
  );
}

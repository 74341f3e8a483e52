import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { sharedIdentifiersQuery } from "@/api/queries";
import type { SharedIdentifier } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { useLabels } from "@/lib/labels";
import { useWrite } from "@/lib/useWrite";

/** Identifiers that many persons share, why they are taken for it, and how to say otherwise. */
export function SharedIdentifiers() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("identity:write");
  const items = useQuery(sharedIdentifiersQuery).data?.items;
  const decide = useWrite({
    mutationFn: ({ s, state }: { s: SharedIdentifier; state: "trusted" | "auto" }) =>
      data(api.POST("/api/v1/identity/shared", { body: { node: s.node, state } })),
    onSuccess: async (_, { s, state }) => {
      message.success(t(`people.shared.done.${state}`, { value: s.value }));
      await client.invalidateQueries({ queryKey: ["identity"] });
    },
  });
  if (!items || items.length === 0) return null;
  const why = (s: SharedIdentifier) => {
    if (s.state === "trusted") return t("people.shared.trusted");
    if (s.decided === "operator") return t("people.shared.byHand");
    return t("people.shared.why", {
      seen: format.num(s.seen),
      bears: format.num(s.bears),
      kind: labels.identifierKind(s.witness),
    });
  };
  return (
    <section className="card" data-shared>
      <div className="card-head">
        <h2>
          {t("people.shared.title")} <small>{t("people.shared.about")}</small>
        </h2>
      </div>
      <ul className="suggestions">
        {items.map((s) => (
          <li key={s.node}>
            <div className="suggestion">
              <IdentifierChip kind={s.kind} value={s.value} label={labels.identifierKind(s.kind)} />
              <span>
                <Pill tone={s.state === "shared" ? "gold" : "plain"}>
                  {t(`people.shared.state.${s.state}`)}
                </Pill>{" "}
                {why(s)}
              </span>
              <small className="muted">
                <RelativeTime at={s.at} /> ·{" "}
                {t("people.shared.persons", { count: s.persons, n: format.num(s.persons) })}
                {s.parted > 1 &&
                  ` · ${t("people.shared.parted", { count: s.parted, n: format.num(s.parted) })}`}
              </small>
            </div>
            <span className="row nowrap">
              <Link
                to="/people/$ref"
                params={{ ref: s.id }}
                search={{ tab: "identity" }}
                className="text-link"
              >
                {t("people.shared.open")}
              </Link>
              {may && (
                <Button
                  size="small"
                  loading={decide.isPending && decide.variables.s === s}
                  onClick={() => decide.mutate({ s, state: s.state === "shared" ? "trusted" : "auto" })}
                >
                  {t(s.state === "shared" ? "people.shared.trust" : "people.shared.auto")}
                </Button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

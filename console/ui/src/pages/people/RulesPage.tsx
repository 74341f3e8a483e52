import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { App, Button } from "antd";
import { ChevronRight, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { identityRulesQuery, suggestionsQuery } from "@/api/queries";
import type { IdentityKind, IdentityRules, IdentitySuggestion } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { BlockedValues } from "./BlockedValues";
import { KindForm } from "./KindForm";
import { Rerun } from "./Rerun";
import { SharedIdentifiers } from "./SharedIdentifiers";
import { TestBox } from "./TestBox";
import "./people.css";
import "./rules.css";

const route = getRouteApi("/shell/people/rules");

/** How identifiers are treated, and what names nobody. */
export function RulesPage() {
  const { t } = useTranslation();
  const query = useQuery(identityRulesQuery);
  return (
    <div className="page">
      <nav className="crumbs">
        <Link to="/people">{t("people.back")}</Link>
        <ChevronRight size={14} aria-hidden="true" />
      </nav>
      <PageHeader title={t("people.rules.title")} about={t("people.rules.about")} />
      {query.error && !query.data ? (
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      ) : (
        <div className="stack">
          <Rerun rules={query.data} />
          <SharedIdentifiers rules={query.data} />
          <Suggestions />
          <TestBox rules={query.data} />
          <Kinds rules={query.data} loading={query.isPending} />
          <section className="card" aria-busy={query.isPending}>
            <div className="card-head">
              <h2>
                {t("people.rules.everywhere")} <small>{t("people.rules.everywhereAbout")}</small>
              </h2>
            </div>
            {query.data && <BlockedValues kind="" values={query.data.blocked} />}
          </section>
        </div>
      )}
    </div>
  );
}

function Suggestions() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("identity:write");
  const items = useQuery(suggestionsQuery).data?.items;
  const decide = useWrite({
    mutationFn: ({ s, decision }: { s: IdentitySuggestion; decision: "block" | "dismiss" }) =>
      data(api.POST("/api/v1/identity/suggestions", { body: { kind: s.kind, value: s.value, decision } })),
    onSuccess: async (_, { s, decision }) => {
      message.success(t(`people.rules.suggestions.${decision}ed`, { value: s.value }));
      await client.invalidateQueries({ queryKey: ["identity"] });
    },
  });
  if (!items || items.length === 0) return null;
  const why = (s: IdentitySuggestion) =>
    (["merges", "refusals", "others"] as const)
      .filter((k) => s[k] > 0)
      .map((k) => t(`people.rules.suggestions.${k}`, { count: s[k], n: format.num(s[k]) }))
      .join(" · ");
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("people.rules.suggestions.title")} <small>{t("people.rules.suggestions.about")}</small>
        </h2>
      </div>
      <ul className="suggestions">
        {items.map((s) => (
          <li key={s.kind + s.value}>
            <div className="suggestion">
              <IdentifierChip kind={s.kind} value={s.value} label={labels.identifierKind(s.kind)} />
              <span>{why(s)}</span>
              <small className="muted">
                {t("people.rules.suggestions.since")} <RelativeTime at={s.first_at} /> ·{" "}
                {t("people.rules.suggestions.examples")}{" "}
                {s.examples.map((e) => (
                  <code key={e}>{shortly(e)}</code>
                ))}
              </small>
            </div>
            <span className="row nowrap">
              {s.person && (
                <Link
                  to="/people/$ref"
                  params={{ ref: s.person }}
                  search={{ tab: "identity" }}
                  className="text-link"
                >
                  {t("people.rules.holder.open")}
                </Link>
              )}
              {may && (
                <>
                  <Button
                    size="small"
                    type="text"
                    loading={
                      decide.isPending && decide.variables.s === s && decide.variables.decision === "dismiss"
                    }
                    onClick={() => decide.mutate({ s, decision: "dismiss" })}
                  >
                    {t("people.rules.suggestions.dismiss")}
                  </Button>
                  <Button
                    size="small"
                    loading={
                      decide.isPending && decide.variables.s === s && decide.variables.decision === "block"
                    }
                    onClick={() => decide.mutate({ s, decision: "block" })}
                  >
                    {t("people.rules.suggestions.block")}
                  </Button>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
      <p className="muted card-pad rules-note">{t("people.rules.keeps")}</p>
    </section>
  );
}

const shortly = (ref: string) => ref.slice(ref.indexOf(":") + 1);

function Kinds({ rules, loading }: { rules: IdentityRules | undefined; loading: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const may = useMay("identity:write");
  const { kind } = route.useSearch();
  const setSearch = useSetSearch();
  const [adding, setAdding] = useState(false);
  const open = rules?.kinds.find((k) => k.kind === kind);
  const blocked = (k: IdentityKind) => k.blocked.filter((b) => b.blocked).length;
  const columns: Column<IdentityKind>[] = [
    {
      key: "kind",
      title: t("people.rules.kind"),
      width: 220,
      value: (k) => labels.identifierKind(k.kind),
      render: (k) => (
        <span className="row nowrap">
          <b className="trait">{labels.identifierKind(k.kind)}</b>
          <code className="muted">{k.kind}</code>
          {k.contact && <Pill>{t("people.rules.contact")}</Pill>}
        </span>
      ),
    },
    {
      key: "role",
      title: t("people.rules.role"),
      width: 130,
      help: t("people.rules.roleHelp"),
      value: (k) => t(`people.rules.roles.${k.role}`),
      render: (k) => (
        <Pill tone={k.role === "identifies" ? "plain" : "gold"}>{t(`people.rules.roles.${k.role}`)}</Pill>
      ),
    },
    {
      key: "priority",
      title: t("people.rules.priority"),
      width: 90,
      align: "right",
      help: t("people.rules.priorityHelp"),
      value: (k) => k.priority,
      render: (k) => <span className="num">{format.num(k.priority)}</span>,
    },
    {
      key: "limit",
      title: t("people.rules.limit"),
      width: 170,
      align: "right",
      help: t("people.rules.limitHelp"),
      value: (k) => (k.role === "relates" ? null : k.limit),
      render: (k) => (
        <span className="num">
          {k.role === "relates" ? "–" : format.num(k.limit)}
          {k.window_days > 0 && (
            <small className="muted">
              {" "}
              {t("people.rules.window", { n: format.num(k.window_limit), days: format.num(k.window_days) })}
            </small>
          )}
        </span>
      ),
    },
    {
      key: "normaliser",
      title: t("people.rules.normaliser"),
      value: (k) => t(`people.rules.normalisers.${k.normaliser as "text"}`, { defaultValue: k.normaliser }),
    },
    {
      key: "blocked",
      title: t("people.rules.blocked"),
      width: 110,
      align: "right",
      value: blocked,
      render: (k) => <span className="num">{format.num(blocked(k))}</span>,
    },
    {
      key: "changed",
      title: "",
      width: 90,
      align: "right",
      value: (k) => (k.changed ? 1 : 0),
      sortable: false,
      render: (k) =>
        k.changed ? <Pill>{t(k.built_in ? "people.rules.changed" : "people.rules.own")}</Pill> : null,
    },
  ];
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("people.rules.kinds")} <small>{t("people.rules.kindsAbout")}</small>
        </h2>
        {may && (
          <Button size="small" icon={<Plus size={14} />} onClick={() => setAdding(true)}>
            {t("people.rules.addKind")}
          </Button>
        )}
      </div>
      <DataTable
        plain
        id="identity-kinds"
        label={t("people.rules.kinds")}
        columns={columns}
        rows={rules?.kinds}
        rowKey={(k) => k.kind}
        loading={loading}
        onOpen={(k) => setSearch({ kind: k.kind })}
        openKey={kind}
      />
      <DetailDrawer
        open={open !== undefined}
        onClose={() => setSearch({ kind: undefined })}
        title={open && labels.identifierKind(open.kind)}
        width={520}
      >
        {open && rules && (
          <div className="stack drawer-stack">
            <KindForm
              key={open.kind}
              kind={open}
              normalisers={rules.normalisers}
              onDone={() => setSearch({ kind: undefined })}
            />
            <section>
              <h3 className="drawer-title">{t("people.rules.blockedOf")}</h3>
              <BlockedValues kind={open.kind} values={open.blocked} />
            </section>
          </div>
        )}
      </DetailDrawer>
      <DetailDrawer
        open={adding}
        onClose={() => setAdding(false)}
        title={t("people.rules.addKind")}
        width={520}
      >
        {rules && <KindForm normalisers={rules.normalisers} onDone={() => setAdding(false)} />}
      </DetailDrawer>
    </section>
  );
}

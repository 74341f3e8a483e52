import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { App, Button, Select } from "antd";
import { ChevronRight, House, UserPlus } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { householdQuery, householdTagsQuery, personsQuery } from "@/api/queries";
import type { Household } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { useConfirm } from "@/components/ConfirmButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PendingPage } from "@/components/PendingPage";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { childAge, MemberName, Roles } from "./parts";
import "../people/people.css";
import "./households.css";

const route = getRouteApi("/shell/households/$id");
type Member = Household["members"][number];

/** A household: who is in it, since when, why, what it is worth; and what people have decided about it. */
export function HouseholdPage() {
  const { t } = useTranslation();
  const { id } = route.useParams();
  const { join } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("households:write");
  const query = useQuery({ ...householdQuery(id), refetchInterval: 5_000 });
  const one = query.data;
  if (!one) {
    return (
      <PendingPage crumbs={<Crumbs />} error={query.error} onRetry={() => void query.refetch()}>
        <span className="bone" style={{ width: 240, height: 24 }} />
      </PendingPage>
    );
  }
  const now = one.members.filter((m) => m.current);
  const before = one.members.filter((m) => !m.current);
  return (
    <div className="page">
      <Crumbs />
      <Head
        one={one}
        names={now}
        actions={
          may && (
            <Button icon={<UserPlus size={14} />} onClick={() => setSearch({ join: true }, "push")}>
              {t("households.join")}
            </Button>
          )
        }
      />
      <Tags one={one} may={may} />
      {one.children > 0 && <p className="person-note">{t("households.protected", { n: childAge })}</p>}
      <div className="household-cards">
        {now.map((m) => (
          <MemberCard key={m.id} one={one} member={m} may={may} />
        ))}
      </div>
      {before.length > 0 && (
        <>
          <h2 className="household-part">{t("households.before")}</h2>
          <div className="household-cards" data-former>
            {before.map((m) => (
              <MemberCard key={m.id} one={one} member={m} may={may} />
            ))}
          </div>
        </>
      )}
      {one.decisions.length > 0 && <Decisions one={one} may={may} />}
      {may && (
        <DetailDrawer
          open={join === true}
          onClose={() => setSearch({ join: undefined })}
          title={t("households.joinTitle")}
          width={480}
        >
          <Join one={one} onDone={() => setSearch({ join: undefined })} />
        </DetailDrawer>
      )}
    </div>
  );
}

/** Tags that people give by hand. */
function Tags({ one, may }: { one: Household; may: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const known = useQuery({ ...householdTagsQuery, enabled: may }).data?.items ?? [];
  const write = useWrite({
    mutationFn: (body: { add: string[]; remove: string[] }) =>
      data(
        api.POST("/api/v1/households/{id}/tags", {
          params: { path: { id: one.id }, header: idempotencyKey() },
          body,
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["households"] }),
  });
  const now = one.tags.map((x) => x.tag);
  if (!may && now.length === 0) return null;
  return (
    <div className="household-tags">
      <span className="muted">{t("households.tags")}</span>
      {may ? (
        <Select
          mode="tags"
          aria-label={t("households.addTag")}
          placeholder={t("households.addTag")}
          value={now}
          loading={write.isPending}
          options={known.map((value) => ({ value }))}
          onChange={(next: string[]) => {
            const wanted = next.map((x) => x.trim()).filter((x) => x !== "");
            const add = wanted.filter((x) => !now.includes(x));
            const remove = now.filter((x) => !wanted.includes(x));
            if (add.length + remove.length > 0) write.mutate({ add, remove });
          }}
        />
      ) : (
        <span>{now.join(" · ")}</span>
      )}
    </div>
  );
}

function Crumbs() {
  const { t } = useTranslation();
  return (
    <nav className="crumbs">
      <Link to="/households">{t("households.back")}</Link>
      <ChevronRight size={14} aria-hidden="true" />
    </nav>
  );
}

function Head({ one, names, actions }: { one: Household; names: Member[]; actions: React.ReactNode }) {
  const { t } = useTranslation();
  const title = names.find((m) => m.name && !m.child)?.name;
  const name = title ? `${t("households.household")} · ${title}` : t("households.household");
  useEffect(() => {
    document.title = `${name} · Touchstone`;
  }, [name]);
  return (
    <header className="person-head household-head">
      <span className="household-icon" aria-hidden="true">
        <House size={24} />
      </span>
      <div className="person-title">
        <h1>
          <span title={name}>{name}</span>
        </h1>
        <p>
          <code>{one.id}</code>
          <span>
            <small>{t("households.firstSeen")}</small> <RelativeTime at={one.first_seen} />
          </span>
          <span>
            <small>{t("households.lastSeen")}</small> <RelativeTime at={one.last_seen} />
          </span>
          {one.cities.length > 0 && (
            <span>
              <small>{t("households.cities")}</small> {one.cities.join(" · ")}
            </span>
          )}
        </p>
      </div>
      <dl className="facts">
        <Fact label={t("households.size")} value={one.size} />
        <Fact label={t("households.children")} value={one.children} />
        <Fact label={t("households.vehicles")} value={one.vehicles} />
        <Fact label={t("households.payers")} value={one.payers} />
        <Fact label={t("households.orders")} value={one.orders} />
        <Fact label={t("households.revenue")} value={one.revenue} />
        <Fact label={t("households.lately")} value={one.revenue_365} />
      </dl>
      {actions}
    </header>
  );
}

function Fact({ label, value }: { label: string; value: number }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <Num value={value} short />
      </dd>
    </div>
  );
}

/** What is decided goes into the log; the household follows when its reactor has come to it. */
function useDecide(id: string) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const { message } = App.useApp();
  return useWrite({
    mutationFn: (body: { who: string; with: string[]; verdict: "together" | "apart" | "" }) =>
      data(api.POST("/api/v1/households/decisions", { body })),
    onSuccess: () => {
      message.success(t("households.done"));
      void queries.invalidateQueries({ queryKey: ["households"] });
      void queries.invalidateQueries({ queryKey: ["household", id] });
    },
  });
}

function MemberCard({ one, member: m, may }: { one: Household; member: Member; may: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const decide = useDecide(one.id);
  const confirm = useConfirm();
  const others = one.members.filter((o) => o.id !== m.id && o.current).map((o) => o.id);
  const name = m.name ?? (m.child ? t("households.hiddenChild") : labels.person(m));
  return (
    <section className="card household-card" data-member={m.id}>
      <div className="card-head">
        <MemberName member={m} avatar />
        <Roles member={m} />
      </div>
      <dl className="household-facts">
        <div>
          <dt>{t("households.history")}</dt>
          <dd>
            {m.times.map((s) => (
              <span key={s.from} className="nowrap">
                {t("households.span", {
                  from: format.date(s.from),
                  to:
                    s.until && new Date(s.until).getTime() < Date.now()
                      ? format.date(s.until)
                      : t("households.openEnd"),
                })}
              </span>
            ))}
          </dd>
        </div>
        <div>
          <dt>{t("households.score")}</dt>
          <dd className="n">{format.percent(m.score)}</dd>
        </div>
        <div>
          <dt>{t("households.revenue")}</dt>
          <dd>
            <Num value={m.revenue} short />
          </dd>
        </div>
      </dl>
      <ul className="household-evidence" aria-label={t("households.evidence")}>
        {m.evidence.map((e) => (
          <li key={`${e.kind} ${e.first} ${e.last} ${e.value}`}>
            <span className="household-weight" style={{ ["--w" as string]: e.weight }} aria-hidden="true" />
            <span>
              <b>{t(`households.kind.${e.kind}`)}</b>
              {e.kind !== "manual" && (
                <span className={e.value ? "household-value" : "household-value muted"}>
                  {e.value || t("households.masked")}
                </span>
              )}
              <small className="muted">
                {t("households.sharedBy", {
                  n: format.num(e.shared),
                  count: e.days,
                  from: format.date(e.first),
                  to: format.date(e.last),
                })}
              </small>
            </span>
          </li>
        ))}
      </ul>
      {(m.other_households.length > 0 || (may && m.current && others.length > 0)) && (
        <footer className="household-foot">
          <span className="muted">
            {m.other_households.length > 0 && t("households.alsoIn")}{" "}
            {m.other_households.map((id) => (
              <Link key={id} to="/households/$id" params={{ id }} className="text-link">
                {id}
              </Link>
            ))}
          </span>
          {may && m.current && others.length > 0 && (
            <Button
              size="small"
              loading={decide.isPending}
              onClick={() =>
                confirm({
                  title: t("households.leaveTitle", { name }),
                  text: t("households.leaveText"),
                  ok: t("households.leave"),
                  run: () => decide.mutateAsync({ who: m.id, with: others, verdict: "apart" }),
                })
              }
            >
              {t("households.leave")}
            </Button>
          )}
        </footer>
      )}
    </section>
  );
}

function Decisions({ one, may }: { one: Household; may: boolean }) {
  const { t } = useTranslation();
  const decide = useDecide(one.id);
  const labels = useLabels();
  const nameOf = (id: string) => {
    const m = one.members.find((x) => x.id === id);
    return m?.name ?? (m?.child ? t("households.hiddenChild") : labels.person({ id, name: null }));
  };
  return (
    <section className="card household-decisions">
      <div className="card-head">
        <h2>{t("households.decisions")}</h2>
      </div>
      <ul className="aside-list">
        {one.decisions.map((d) => (
          <li key={d.who + d.with}>
            <span>{t(`households.decided.${d.verdict}`, { who: nameOf(d.who), with: nameOf(d.with) })}</span>
            <span className="row nowrap">
              <small className="muted">
                <code>{d.actor}</code> <RelativeTime at={d.at} />
              </small>
              {may && (
                <Button
                  size="small"
                  loading={decide.isPending}
                  onClick={() => decide.mutate({ who: d.who, with: [d.with], verdict: "" })}
                >
                  {t("households.undo")}
                </Button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Join({ one, onDone }: { one: Household; onDone: () => void }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const [q, setQ] = useState("");
  const decide = useDecide(one.id);
  const list = useInfiniteQuery({ ...personsQuery({ q }), enabled: q !== "" });
  const anchor = one.members.find((m) => m.current) ?? one.members[0];
  const inside = new Set(one.members.filter((m) => m.current).map((m) => m.id));
  const people = list.data?.pages.flatMap((p) => p.items).filter((p) => !inside.has(p.id)) ?? [];
  return (
    <div className="stack">
      <p className="muted">{t("households.joinHint")}</p>
      <SearchField value={q} onSearch={(text) => setQ(text ?? "")} placeholder={t("people.search")} />
      {list.error && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      <ul className="merge-found" aria-busy={list.isFetching}>
        {people.slice(0, 20).map((p) => (
          <li key={p.id}>
            <button
              type="button"
              data-person={p.id}
              onClick={() =>
                anchor &&
                decide.mutate({ who: p.id, with: [anchor.id], verdict: "together" }, { onSuccess: onDone })
              }
            >
              <b className="ellipsis">{labels.person(p)}</b>
              <code className="muted">{p.id}</code>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

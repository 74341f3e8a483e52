import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { App, Button, Input, Radio, Select } from "antd";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { sharedIdentifierQuery, sharedIdentifiersQuery } from "@/api/queries";
import type { IdentityRules, SharedIdentifier } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { DetailDrawer } from "@/components/DetailDrawer";
import { IdentifierChip, Pill } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { useWrite } from "@/lib/useWrite";

const route = getRouteApi("/shell/people/rules");
type State = "shared" | "trusted" | "auto";
const states: readonly State[] = ["auto", "shared", "trusted"];

/** Why an identifier is taken for shared. */
function useWhy(): (s: SharedIdentifier) => string {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (s) => {
    if (s.state === "trusted") return t("people.shared.trusted");
    if (s.witness === "") return t("people.shared.byHand");
    return t("people.shared.why", {
      seen: format.num(s.seen),
      bears: format.num(s.bears),
      kind: labels.identifierKind(s.witness),
    });
  };
}

function useDecide(onDone?: () => void) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  return useWrite({
    mutationFn: (d: { node?: number; identifier?: string; state: State; value: string }) =>
      data(
        api.POST("/api/v1/identity/shared", {
          body: d.node
            ? { node: d.node, state: d.state }
            : { identifier: d.identifier ?? "", state: d.state },
        }),
      ),
    onSuccess: async (_, { state, value }) => {
      message.success(t(`people.shared.done.${state}`, { value }));
      onDone?.();
      await Promise.all([
        client.invalidateQueries({ queryKey: ["identity"] }),
        client.invalidateQueries({ queryKey: ["persons"] }),
      ]);
    },
  });
}

/** Identifiers that many persons share, why they are taken for it, and how to say otherwise. */
export function SharedIdentifiers({ rules }: { rules: IdentityRules | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const why = useWhy();
  const may = useMay("identity:write");
  const { shared } = route.useSearch();
  const setSearch = useSetSearch();
  const [adding, setAdding] = useState(false);
  const query = useQuery(sharedIdentifiersQuery);
  const items = query.data?.items;
  if (!items) return null;
  return (
    <section className="card" data-shared>
      <div className="card-head">
        <h2>
          {t("people.shared.title")} <small>{t("people.shared.about")}</small>
        </h2>
        {may && (
          <Button size="small" icon={<Plus size={14} />} onClick={() => setAdding(true)}>
            {t("people.shared.add")}
          </Button>
        )}
      </div>
      {items.length === 0 && <p className="muted card-pad">{t("people.shared.none")}</p>}
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
            <Button size="small" onClick={() => setSearch({ shared: String(s.node) }, "push")}>
              {t("people.shared.evidence")}
            </Button>
          </li>
        ))}
      </ul>
      <DetailDrawer
        open={shared !== undefined}
        onClose={() => setSearch({ shared: undefined })}
        title={t("people.shared.one")}
        width={560}
      >
        {shared !== undefined && <Evidence node={Number(shared)} />}
      </DetailDrawer>
      <DetailDrawer open={adding} onClose={() => setAdding(false)} title={t("people.shared.add")} width={480}>
        <Add rules={rules} onDone={() => setAdding(false)} />
      </DetailDrawer>
    </section>
  );
}

/** Under how many persons it was seen, when and why it was demoted, and who may say otherwise. */
function Evidence({ node }: { node: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const why = useWhy();
  const may = useMay("identity:write");
  const query = useQuery(sharedIdentifierQuery(node));
  const decide = useDecide();
  const s = query.data;
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!s) return <div aria-busy style={{ minHeight: 200 }} />;
  const now: State = s.decided === "operator" ? s.state : "auto";
  return (
    <div className="stack drawer-stack" data-evidence={s.state}>
      <p>
        <IdentifierChip kind={s.kind} value={s.value} label={labels.identifierKind(s.kind)} />{" "}
        <Pill tone={s.state === "shared" ? "gold" : "plain"}>{t(`people.shared.state.${s.state}`)}</Pill>
      </p>
      <p>{why(s)}</p>
      <dl className="rerun-facts">
        <div>
          <dt>{t("people.shared.when")}</dt>
          <dd>
            <ExactTime at={s.at} />
          </dd>
        </div>
        <div>
          <dt>{t("people.shared.cause")}</dt>
          <dd>{s.decided === "operator" ? s.source : sources.nameOf(s.source)}</dd>
        </div>
        <div>
          <dt>{t("people.shared.relates")}</dt>
          <dd className="num">{format.num(s.persons)}</dd>
        </div>
        <div>
          <dt>{t("people.shared.events")}</dt>
          <dd className="num">{format.num(s.events)}</dd>
        </div>
        {s.parted > 1 && (
          <div>
            <dt>{t("people.shared.apart")}</dt>
            <dd className="num">{format.num(s.parted)}</dd>
          </div>
        )}
      </dl>
      {may && (
        <section>
          <h3 className="drawer-title">{t("people.shared.decide")}</h3>
          <Radio.Group
            className="kind-role"
            value={now}
            disabled={decide.isPending}
            onChange={(e) => decide.mutate({ node, state: e.target.value as State, value: s.value })}
          >
            {states.map((state) => (
              <Radio key={state} value={state}>
                {t(`people.shared.say.${state}`)}
                <small className="muted">{t(`people.shared.sayHint.${state}`)}</small>
              </Radio>
            ))}
          </Radio.Group>
        </section>
      )}
      {s.related_persons.length > 0 && (
        <section>
          <h3 className="drawer-title">{t("people.shared.who")}</h3>
          <ul className="aside-list">
            {s.related_persons.slice(0, 50).map((p) => (
              <li key={p.person}>
                <Link
                  to="/people/$ref"
                  params={{ ref: p.person }}
                  search={{ tab: "identity" }}
                  className="text-link"
                >
                  {p.person}
                </Link>
                <small className="muted nowrap">
                  {t("people.timeline.count", { count: p.events, n: format.num(p.events) })} ·{" "}
                  <RelativeTime at={p.last_seen} />
                </small>
              </li>
            ))}
            {s.related_persons.length > 50 && (
              <li className="muted">{t("people.more", { n: format.num(s.related_persons.length - 50) })}</li>
            )}
          </ul>
        </section>
      )}
      <Link to="/people/$ref" params={{ ref: s.id }} search={{ tab: "identity" }} className="text-link">
        {t("people.shared.open")}
      </Link>
    </div>
  );
}

/** Says of any identifier that it is shared, or that it is one person's whatever it is seen with. */
function Add({ rules, onDone }: { rules: IdentityRules | undefined; onDone: () => void }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const [kind, setKind] = useState("phone");
  const [value, setValue] = useState("");
  const decide = useDecide(onDone);
  const say = (state: State) =>
    decide.mutate({ identifier: `${kind}:${value.trim()}`, state, value: value.trim() });
  const kinds = (rules?.kinds ?? []).filter((k) => k.role === "identifies" && k.kind !== "user_id");
  return (
    <div className="stack drawer-stack">
      <p className="muted">{t("people.shared.addHint")}</p>
      <div className="shared-add">
        <Select
          aria-label={t("people.rules.kind")}
          value={kind}
          onChange={setKind}
          popupMatchSelectWidth={false}
          options={kinds.map((k) => ({ value: k.kind, label: labels.identifierKind(k.kind) }))}
        />
        <Input
          autoFocus
          aria-label={t("people.rules.test.value")}
          placeholder={t("people.rules.test.placeholder")}
          value={value}
          maxLength={1024}
          onChange={(e) => setValue(e.target.value)}
        />
      </div>
      <div className="row">
        <Button
          type="primary"
          disabled={!value.trim()}
          loading={decide.isPending && decide.variables.state === "shared"}
          onClick={() => say("shared")}
        >
          {t("people.shared.say.shared")}
        </Button>
        <Button
          disabled={!value.trim()}
          loading={decide.isPending && decide.variables.state === "trusted"}
          onClick={() => say("trusted")}
        >
          {t("people.shared.say.trusted")}
        </Button>
      </div>
    </div>
  );
}

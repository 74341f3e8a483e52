import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Tabs } from "antd";
import { ChevronRight } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { personQuery } from "@/api/queries";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ChannelIcon, ChannelIcons } from "@/components/ChannelIcon";
import { CopyButton } from "@/components/CopyButton";
import { Num } from "@/components/Num";
import { PendingPage } from "@/components/PendingPage";
import { Avatar } from "@/components/PersonLink";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { isMasked, strongestFirst, thingOf } from "@/lib/identifiers";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { HouseholdCard } from "./HouseholdCard";
import { PersonMenu } from "./PersonMenu";
import { Reveal } from "./Reveal";
import { type Revealed, unmasked } from "./revealed";
import { Timeline } from "./Timeline";
import { TraitsTab } from "./TraitsTab";
import "./people.css";

const route = getRouteApi("/shell/people/$ref");
const ConsentTab = lazy(() => import("./ConsentTab").then((m) => ({ default: m.ConsentTab })));
const IdentityTab = lazy(() => import("./IdentityTab").then((m) => ({ default: m.IdentityTab })));

/** Everything that is known about one person, and why. */
export function PersonPage() {
  const { t } = useTranslation();
  const { ref } = route.useParams();
  const { tab = "timeline", event = "" } = route.useSearch();
  const setSearch = useSetSearch();
  const labels = useLabels();
  const query = useQuery(personQuery(ref));
  const [revealed, setRevealed] = useState<Revealed>();
  const person = query.data && unmasked(query.data, revealed);
  const name = person ? labels.person(person) : "";

  useEffect(() => {
    if (name) document.title = `${name} · Touchstone`;
  }, [name]);

  if (!person) {
    return (
      <PendingPage crumbs={<Crumbs />} error={query.error} onRetry={() => void query.refetch()}>
        <div className="person-head">
          <span className="bone" style={{ width: 48, height: 48, minWidth: 48, borderRadius: "50%" }} />
          <div>
            <span className="bone" style={{ width: 180, height: 20 }} />
            <br />
            <span className="bone" style={{ width: 320 }} />
          </div>
        </div>
      </PendingPage>
    );
  }

  const setTab = (key: string) => setSearch({ tab: key === "timeline" ? undefined : key });
  const setEvent = (e: string) => setSearch({ tab: undefined, event: e || undefined });

  return (
    <div className="page">
      <Crumbs />
      <Head person={person} name={name} />
      {ref.startsWith("p_") && ref !== person.id && (
        <p className="person-note">{t("people.merged", { old: ref })}</p>
      )}
      {person.rebuilding && <p className="person-note">{t("people.rebuilding")}</p>}
      <div className="person-grid">
        <div className="person-main">
          <Tabs
            activeKey={tab}
            onChange={setTab}
            destroyOnHidden
            items={[
              {
                key: "timeline",
                label: t("people.tabs.timeline"),
                children: <Timeline person={person} event={event} onEvent={setEvent} />,
              },
              { key: "traits", label: t("people.tabs.traits"), children: <TraitsTab person={person} /> },
              {
                key: "identity",
                label: t("people.tabs.identity"),
                children: (
                  <Suspense fallback={<div className="identity-graph card" style={{ height: 420 }} />}>
                    <IdentityTab person={person} />
                  </Suspense>
                ),
              },
              {
                key: "consent",
                label: t("people.tabs.consent"),
                children: (
                  <Suspense fallback={<span className="bone" style={{ width: "100%", height: 320 }} />}>
                    <ConsentTab person={person} />
                  </Suspense>
                ),
              },
            ]}
          />
        </div>
        <Aside
          person={person}
          onEvent={setEvent}
          shown={revealed?.id === person.id ? revealed : undefined}
          onShown={setRevealed}
        />
      </div>
    </div>
  );
}

function Crumbs() {
  const { t } = useTranslation();
  return (
    <nav className="crumbs">
      <Link to="/people">{t("people.back")}</Link>
      <ChevronRight size={14} aria-hidden="true" />
    </nav>
  );
}

function Head({ person, name }: { person: Person; name: string }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const thing = thingOf(person.identifiers);
  const channels = Object.keys(person.counters.by_channel);
  const city = person.city ?? (typeof person.traits.city === "string" ? person.traits.city : null);
  return (
    <header className="person-head">
      <Avatar id={person.id} name={person.name} size={48} />
      <div className="person-title">
        <h1>
          <span title={name}>{name}</span>
          <Pill tone={person.known ? "good" : "plain"}>
            {thing
              ? labels.identifierKind(thing.kind)
              : t(person.known ? "people.known" : "people.anonymous")}
          </Pill>
        </h1>
        <p>
          <span className="person-id">
            <code>{person.id}</code>
            <CopyButton text={person.id} label={t("people.copyId")} />
          </span>
          {city && <span>{city}</span>}
          <ChannelIcons channels={channels} />
          <span>
            <small>{t("people.firstSeen")}</small> <RelativeTime at={person.first_seen} />
          </span>
          <span>
            <small>{t("people.lastSeen")}</small> <RelativeTime at={person.last_seen} />
          </span>
        </p>
      </div>
      <dl className="facts">
        <Fact label={t("people.facts.events")} value={person.counters.events} />
        <Fact label={t("people.facts.sessions")} value={person.counters.sessions} />
        <Fact label={t("people.facts.identifiers")} value={person.identifiers.length} />
        <Fact label={t("people.facts.segments")} value={person.segments.length} />
      </dl>
      <PersonMenu person={person} />
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

function Aside(props: {
  person: Person;
  onEvent: (event: string) => void;
  shown: Revealed | undefined;
  onShown: (contacts: Revealed) => void;
}) {
  const { person, onEvent } = props;
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const byEvent = Object.entries(person.counters.by_event).sort((a, b) => b[1] - a[1]);
  const most = byEvent[0]?.[1] ?? 1;
  const consent = Object.entries(person.consent);
  return (
    <aside className="person-aside stack">
      <section className="card" data-revealed={props.shown ? "" : undefined}>
        <div className="card-head">
          <h2>{t("people.identifiers")}</h2>
        </div>
        <ul className="aside-list">
          {strongestFirst(person.identifiers)
            .slice(0, 12)
            .map((i) => (
              <li key={i.kind + i.value}>
                <IdentifierChip kind={i.kind} value={i.value} label={labels.identifierKind(i.kind)} />
                {!isMasked(i.value) && <CopyButton text={i.value} />}
              </li>
            ))}
          {person.identifiers.length > 12 && (
            <li>
              <Link
                to="."
                search={(prev: object) => ({ ...prev, tab: "identity" as const })}
                className="text-link"
              >
                {t("people.more", { n: format.num(person.identifiers.length - 12) })}
              </Link>
            </li>
          )}
        </ul>
        <Reveal person={person} shown={props.shown} onShown={props.onShown} />
      </section>
      {person.relations.length > 0 && (
        <section className="card">
          <div className="card-head">
            <h2 title={t("people.relations.hint")}>{t("people.relations.title")}</h2>
          </div>
          <ul className="aside-list">
            {person.relations.slice(0, 12).map((r) => (
              <li key={r.kind + r.value}>
                <Link
                  to="/people/$ref"
                  params={{ ref: r.id }}
                  className="quiet-link ellipsis"
                  title={`${r.kind}:${r.value}`}
                >
                  <IdentifierChip kind={r.kind} value={r.value} label={labels.identifierKind(r.kind)} />
                </Link>
                <small className="muted nowrap">
                  <RelativeTime at={r.last_seen} />
                </small>
              </li>
            ))}
            {person.relations.length > 12 && (
              <li className="muted">{t("people.more", { n: format.num(person.relations.length - 12) })}</li>
            )}
          </ul>
        </section>
      )}
      {person.related_persons.length > 0 && (
        <section className="card">
          <div className="card-head">
            <h2 title={t("people.relations.hint")}>{t("people.relations.persons")}</h2>
          </div>
          <ul className="aside-list">
            {person.related_persons.slice(0, 12).map((p) => (
              <li key={p.id}>
                <Link to="/people/$ref" params={{ ref: p.id }} className="quiet-link ellipsis">
                  {labels.person(p)}
                </Link>
                <small className="muted nowrap">
                  <RelativeTime at={p.last_seen} />
                </small>
              </li>
            ))}
            {person.related_persons.length > 12 && (
              <li className="muted">
                {t("people.more", { n: format.num(person.related_persons.length - 12) })}
              </li>
            )}
          </ul>
        </section>
      )}
      <HouseholdCard person={person.id} />
      <section className="card">
        <div className="card-head">
          <h2>{t("people.segmentsTitle")}</h2>
        </div>
        <ul className="aside-list">
          {person.segments.map((s) => (
            <li key={s.id}>
              <Link to="/segments/$id" params={{ id: s.id }} className="quiet-link" title={s.name}>
                {s.name}
              </Link>
              <small className="muted nowrap">
                <Since at={s.entered_at} />
              </small>
            </li>
          ))}
          {person.segments.length === 0 && <li className="muted">{t("people.segmentsEmpty")}</li>}
        </ul>
      </section>
      {byEvent.length > 0 && (
        <section className="card">
          <div className="card-head">
            <h2>{t("people.activity")}</h2>
          </div>
          <ul className="aside-list bars">
            {byEvent.slice(0, 8).map(([event, n]) => (
              <li key={event}>
                <button type="button" onClick={() => onEvent(event)} title={t("people.timeline.filterLabel")}>
                  <i style={{ width: `${(100 * n) / most}%` }} aria-hidden="true" />
                  <span className="ellipsis">{labels.event(event)}</span>
                  <span className="n">{format.num(n)}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section className="card">
        <div className="card-head">
          <h2>{t("people.origin.title")}</h2>
        </div>
        <ul className="aside-list">
          {(["first", "last"] as const).map((which) => (
            <li key={which}>
              <span className="row nowrap origin">
                <ChannelIcon channel={person[which].channel} />
                <span className="ellipsis">{sources.nameOf(person[which].source)}</span>
              </span>
              <small className="muted nowrap">{t(`people.origin.${which}`)}</small>
            </li>
          ))}
          {person.groups.map((g) => (
            <li key={g.id}>
              <code className="ellipsis">{g.id}</code>
              <small className="muted nowrap">{t("people.groups")}</small>
            </li>
          ))}
        </ul>
      </section>
      {consent.length > 0 && (
        <section className="card">
          <div className="card-head">
            <h2>{t("people.consent.title")}</h2>
          </div>
          <ul className="aside-list">
            {consent.map(([channel, given]) => (
              <li key={channel}>
                <span>{labels.channel(channel)}</span>
                {typeof given === "boolean" ? (
                  <Pill tone={given ? "good" : "plain"}>
                    {t(given ? "people.consent.yes" : "people.consent.no")}
                  </Pill>
                ) : (
                  <code>{formatJson(given)}</code>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
    </aside>
  );
}

function Since({ at }: { at: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  return <span title={format.dateTime(at)}>{t("people.since", { when: format.relative(at) })}</span>;
}

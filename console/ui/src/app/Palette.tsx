import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Modal } from "antd";
import {
  ChartNoAxesCombined,
  CircleUserRound,
  Keyboard,
  Languages,
  MousePointerClick,
  Plus,
  Search,
  Shapes,
  SunMoon,
  Tag,
} from "lucide-react";
import { type ReactNode, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { catalogueTraitsQuery, segmentsQuery } from "@/api/queries";
import { useEvents } from "@/components/conditions/useEvents";
import { Avatar } from "@/components/PersonLink";
import { changeLang } from "@/i18n";
import { useLabels } from "@/lib/labels";
import { setPreferences } from "@/lib/prefs";
import { useFormat, useMode } from "./appearance";
import { useNavigation } from "./feature";
import { useMay } from "./session";
import "./palette.css";

interface Choice {
  id: string;
  group: "pages" | "people" | "segments" | "events" | "traits" | "actions";
  label: string;
  detail?: string;
  icon: ReactNode;
  run: () => void;
}

/** ⌘K: pages, people by any identifier, segments and actions in one field. */
export function Palette(props: { open: boolean; onClose: () => void; onHelp: () => void }) {
  const { open, onClose } = props;
  const { t } = useTranslation();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      closable={false}
      width={600}
      // Also over an open drawer, which stands at 1000.
      zIndex={1050}
      destroyOnHidden
      style={{ top: "12vh" }}
      styles={{ container: { padding: 0, overflow: "hidden" } }}
      title={<span className="visually-hidden">{t("palette.title")}</span>}
      className="palette"
    >
      <Finder onClose={onClose} onHelp={props.onHelp} />
    </Modal>
  );
}

function Finder({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const q = useDeferredValue(text.trim());
  const choices = useChoices(q, onHelp);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const active = choices[Math.min(at, choices.length - 1)];

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  });

  function choose(c: Choice | undefined) {
    if (!c) return;
    onClose();
    c.run();
  }

  return (
    <div className="finder">
      <div className="finder-field">
        <Search size={16} aria-hidden="true" />
        <input
          // biome-ignore lint/a11y/noAutofocus: the palette was opened to type into it
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={active ? `${id}-${active.id}` : undefined}
          aria-label={t("palette.title")}
          placeholder={t("palette.placeholder")}
          value={text}
          onChange={(e) => {
            setText(e.target.value);
            setAt(0);
          }}
          onKeyDown={(e) => {
            if (e.nativeEvent.isComposing) return;
            if (e.key === "ArrowDown" || e.key === "ArrowUp") {
              e.preventDefault();
              const step = e.key === "ArrowDown" ? 1 : choices.length - 1;
              setAt((n) => (choices.length ? (Math.min(n, choices.length - 1) + step) % choices.length : 0));
            } else if (e.key === "Enter") {
              e.preventDefault();
              choose(active);
            }
          }}
        />
      </div>
      <div className="finder-list" role="listbox" id={id} ref={list} aria-label={t("palette.title")}>
        {choices.map((c, i) => (
          <div key={c.id}>
            {choices[i - 1]?.group !== c.group && (
              <div className="finder-group">{t(`palette.${c.group}`)}</div>
            )}
            <div
              role="option"
              id={`${id}-${c.id}`}
              tabIndex={-1}
              aria-selected={c === active}
              className="finder-item"
              onMouseMove={() => setAt(i)}
              onClick={() => choose(c)}
              onKeyDown={() => {}}
            >
              {c.icon}
              <span className="ellipsis">{c.label}</span>
              {c.detail && <small className="ellipsis">{c.detail}</small>}
            </div>
          </div>
        ))}
        {choices.length === 0 && <p className="finder-none">{t("palette.none", { q })}</p>}
      </div>
      <div className="finder-foot">{t("palette.hint")}</div>
    </div>
  );
}

function useChoices(q: string, onHelp: () => void): Choice[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const labels = useLabels();
  const format = useFormat();
  const listed = useActions(onHelp);
  const navigation = useNavigation();
  const mayPeople = useMay("people:read");
  const maySegments = useMay("segments:read");
  const mayCatalogue = useMay("catalogue:read");
  const persons = useQuery({
    queryKey: ["persons", "palette", q],
    queryFn: ({ signal }) => data(api.GET("/api/v1/persons", { signal, params: { query: { q, limit: 6 } } })),
    enabled: q.length > 1 && mayPeople,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  }).data;
  const segments = useQuery({ ...segmentsQuery, enabled: maySegments }).data;
  const { items: catalogue } = useEvents();
  const traitList = useQuery({ ...catalogueTraitsQuery, enabled: mayCatalogue }).data?.items;

  return useMemo(() => {
    const go = (to: string) => () => void navigate({ to });
    const fits = (s: string) => s.toLowerCase().includes(q.toLowerCase());
    const pages: Choice[] = navigation
      .flatMap((g) => g.items)
      .map(({ key, label, to, icon: Icon }) => ({
        id: key,
        group: "pages" as const,
        label: t(label),
        icon: <Icon size={16} />,
        run: go(to),
        // Whoever types the other language's word, or the address, also arrives.
        words: `${t(label)} ${key} ${to}`,
      }))
      .filter((c) => fits(c.words));
    const people: Choice[] =
      q.length > 1
        ? (persons?.items ?? []).map((p) => ({
            id: p.id,
            group: "people" as const,
            label: labels.person(p),
            detail: (p.identifiers.find((i) => fits(i.value)) ?? p.identifiers[0])?.value ?? p.id,
            icon: p.known ? <Avatar id={p.id} name={p.name} size={20} /> : <CircleUserRound size={16} />,
            run: () => void navigate({ to: "/people/$ref", params: { ref: p.id } }),
          }))
        : [];
    const groups: Choice[] = (segments?.items ?? [])
      .filter((s) => q && fits(s.name))
      .slice(0, 6)
      .map((s) => ({
        id: s.id,
        group: "segments" as const,
        label: s.name,
        detail: format.num(s.members),
        icon: <Shapes size={16} />,
        run: () => void navigate({ to: "/segments/$id", params: { id: s.id } }),
      }));
    const found = (words: string) => q.length > 1 && fits(words);
    const events: Choice[] = catalogue
      .filter((e) => found(`${e.event} ${labels.event(e.event)}`))
      .slice(0, 6)
      .map((e) => ({
        id: `event-${e.event}`,
        group: "events" as const,
        label: labels.event(e.event),
        detail: format.compact(e.count),
        icon: <MousePointerClick size={16} />,
        run: () => void navigate({ to: "/collect/catalogue", search: { event: e.event, range: "all" } }),
      }));
    const traits: Choice[] = (traitList ?? [])
      .filter((x) => found(x.trait))
      .slice(0, 6)
      .map((x) => ({
        id: `trait-${x.trait}`,
        group: "traits" as const,
        label: x.trait,
        detail: x.type,
        icon: <Tag size={16} />,
        run: () => void navigate({ to: "/collect/catalogue", search: { tab: "traits", q: x.trait } }),
      }));
    const actions = listed.filter((a) => fits(a.words)).map(({ words: _, ...a }) => a);
    // Whoever types the name of a thing to do wants to do it; else what was found comes first.
    return [...people, ...groups, ...events, ...traits, ...pages, ...actions];
  }, [q, persons, segments, catalogue, traitList, listed, navigation, t, labels, format, navigate]);
}

interface Action extends Choice {
  /** What it is found by: its name in the shown language, and what it is in any. */
  words: string;
}

/** What can be done from anywhere. The rights of the caller decide what is offered. */
function useActions(onHelp: () => void): Action[] {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const mode = useMode();
  const mayAsk = useMay("analytics:read");
  const maySql = useMay("sql:run") && mayAsk;
  const maySources = useMay("sources:write");
  const maySegments = useMay("segments:write");
  const mayUsers = useMay("users:write");
  const mayKeys = useMay("keys:write");
  return useMemo(() => {
    const action = (id: string, label: string, icon: ReactNode, words: string, run: () => void): Action => ({
      id,
      group: "actions",
      label,
      icon,
      run,
      words: `${label} ${words}`,
    });
    const plus = <Plus size={16} />;
    const chart = <ChartNoAxesCombined size={16} />;
    const ask = (tab: "funnel" | "retention" | "sql" | undefined) => () =>
      void navigate({ to: "/analytics", search: tab ? { tab } : {} });
    const other = i18n.language === "zh-CN" ? ("en" as const) : ("zh-CN" as const);
    return [
      ...(maySegments
        ? [
            action("new-segment", t("palette.newSegment"), plus, "new segment create", () => {
              void navigate({ to: "/segments/new" });
            }),
          ]
        : []),
      ...(maySources
        ? [
            action("new-source", t("palette.newSource"), plus, "new source create", () => {
              void navigate({ to: "/collect/sources", search: { create: true } });
            }),
          ]
        : []),
      ...(mayAsk
        ? [
            action("new-trend", t("palette.newTrend"), chart, "new trend report analytics", ask(undefined)),
            action("new-funnel", t("palette.newFunnel"), chart, "new funnel conversion", ask("funnel")),
            action(
              "new-retention",
              t("palette.newRetention"),
              chart,
              "new retention cohort",
              ask("retention"),
            ),
          ]
        : []),
      ...(maySql ? [action("new-sql", t("palette.newSql"), chart, "new sql query", ask("sql"))] : []),
      ...(mayUsers
        ? [
            action("new-user", t("palette.newUser"), plus, "new user add invite", () => {
              void navigate({ to: "/settings", search: { tab: "users", create: true } });
            }),
          ]
        : []),
      ...(mayKeys
        ? [
            action("new-key", t("palette.newKey"), plus, "new api key token", () => {
              void navigate({ to: "/settings", search: { tab: "keys", create: true } });
            }),
          ]
        : []),
      action("shortcuts", t("palette.shortcuts"), <Keyboard size={16} />, "keyboard shortcuts help", onHelp),
      action("theme", t("palette.theme"), <SunMoon size={16} />, "theme dark light", () => {
        setPreferences({ theme: mode === "dark" ? "light" : "dark" });
      }),
      action("language", t("palette.language"), <Languages size={16} />, "language english chinese", () => {
        setPreferences({ lang: other });
        void changeLang(other);
      }),
    ];
  }, [t, i18n.language, navigate, mode, mayAsk, maySql, maySources, maySegments, mayUsers, mayKeys, onHelp]);
}

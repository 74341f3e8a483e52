import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Modal } from "antd";
import { CircleUserRound, Languages, Plus, Search, Shapes, SunMoon } from "lucide-react";
import { type ReactNode, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { segmentsQuery } from "@/api/queries";
import { Avatar } from "@/components/PersonLink";
import { changeLang } from "@/i18n";
import { useLabels } from "@/lib/labels";
import { setPreferences } from "@/lib/prefs";
import { useFormat, useMode } from "./appearance";
import { navigation } from "./nav";
import { useMay } from "./session";
import "./palette.css";

interface Choice {
  id: string;
  group: "pages" | "people" | "segments" | "actions";
  label: string;
  detail?: string;
  icon: ReactNode;
  run: () => void;
}

/** ⌘K: pages, people by any identifier, segments and actions in one field. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      closable={false}
      width={600}
      destroyOnHidden
      style={{ top: "12vh" }}
      styles={{ container: { padding: 0, overflow: "hidden" } }}
      title={<span className="visually-hidden">{t("palette.title")}</span>}
      className="palette"
    >
      <Finder onClose={onClose} />
    </Modal>
  );
}

function Finder({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const q = useDeferredValue(text.trim());
  const choices = useChoices(q);
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

function useChoices(q: string): Choice[] {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const mode = useMode();
  const labels = useLabels();
  const format = useFormat();
  const mayData = useMay("data");
  const persons = useQuery({
    queryKey: ["persons", "palette", q],
    queryFn: ({ signal }) => data(api.GET("/api/v1/persons", { signal, params: { query: { q, limit: 6 } } })),
    enabled: q.length > 1,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  }).data;
  const segments = useQuery(segmentsQuery).data;

  return useMemo(() => {
    const go = (to: string) => () => void navigate({ to });
    const fits = (s: string) => s.toLowerCase().includes(q.toLowerCase());
    const pages: Choice[] = navigation
      .flatMap((g) => g.items)
      .map(({ key, to, icon: Icon }) => ({
        id: key,
        group: "pages" as const,
        label: t(`nav.${key}`),
        icon: <Icon size={16} />,
        run: go(to),
        // Whoever types the other language's word, or the address, also arrives.
        words: `${t(`nav.${key}`)} ${key} ${to}`,
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
    const other = i18n.language === "zh-CN" ? ("en" as const) : ("zh-CN" as const);
    const actions: Choice[] = [
      ...(mayData
        ? [
            {
              id: "new-source",
              group: "actions" as const,
              label: t("palette.newSource"),
              icon: <Plus size={16} />,
              run: () => void navigate({ to: "/collect/sources", search: { create: true } }),
            },
          ]
        : []),
      {
        id: "theme",
        group: "actions" as const,
        label: t("palette.theme"),
        icon: <SunMoon size={16} />,
        run: () => setPreferences({ theme: mode === "dark" ? "light" : "dark" }),
      },
      {
        id: "language",
        group: "actions" as const,
        label: t("palette.language"),
        icon: <Languages size={16} />,
        run: () => {
          setPreferences({ lang: other });
          void changeLang(other);
        },
      },
    ].filter((c) => fits(c.label));
    return [...people, ...groups, ...pages, ...actions];
  }, [q, persons, segments, t, i18n.language, mode, labels, format, mayData, navigate]);
}

import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { Drawer, Tooltip } from "antd";
import { Menu, PanelLeftClose, PanelLeftOpen, Search } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { quarantineSummaryQuery, totalWaiting } from "@/api/queries";
import { CrashBoundary } from "@/components/states";
import { setPreferences, usePreferences } from "@/lib/prefs";
import { useMedia } from "@/lib/useMedia";
import { AccountMenu } from "./AccountMenu";
import { useFormat } from "./appearance";
import { useNavigation } from "./feature";
import { Guard } from "./Guard";
import { LinkNotice } from "./LinkNotice";
import { Logo } from "./logo";
import { useMay, useSession } from "./session";
import { isMac, useShortcuts } from "./shortcuts";

const Palette = lazy(() => import("./Palette").then((m) => ({ default: m.Palette })));
const Help = lazy(() => import("./Help").then((m) => ({ default: m.Help })));
const PeopleBehindDrawer = lazy(() =>
  import("@/components/PeopleBehindDrawer").then((m) => ({ default: m.PeopleBehindDrawer })),
);

export function Shell() {
  const { t } = useTranslation();
  const { nav } = usePreferences();
  const isNarrow = useMedia("(max-width: 1120px)");
  const rail = nav === "rail" || (nav === "auto" && isNarrow);
  const [menuOpen, setMenuOpen] = useState(false);
  // Loaded when they are first wanted, and kept then.
  const [palette, setPalette] = useState<boolean | null>(null);
  const [help, setHelp] = useState<boolean | null>(null);
  const location = useRouterState({ select: (s) => s.location });
  const pathname = location.pathname;

  const openPalette = useCallback(() => setPalette(true), []);
  const openHelp = useCallback(() => setHelp(true), []);
  useShortcuts({ palette: openPalette, help: openHelp });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(() => setMenuOpen(false), [pathname]);

  return (
    <div className="shell" data-nav={rail ? "rail" : "wide"}>
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <header className="topbar">
        <button
          type="button"
          className="icon-button"
          aria-label={t("nav.menu")}
          onClick={() => setMenuOpen(true)}
        >
          <Menu />
        </button>
        <Brand />
        <button type="button" className="icon-button" aria-label={t("nav.search")} onClick={openPalette}>
          <Search />
        </button>
      </header>
      <div className="nav-column">
        <NavColumn rail={rail} onSearch={openPalette} onHelp={openHelp} />
      </div>
      <Drawer
        open={menuOpen}
        onClose={() => setMenuOpen(false)}
        placement="left"
        size={264}
        closable={false}
        styles={{ body: { padding: 0 } }}
        title={null}
      >
        <NavColumn rail={false} onSearch={openPalette} onHelp={openHelp} inDrawer />
      </Drawer>
      <main id="main" className="main" tabIndex={-1}>
        <LinkNotice />
        <CrashBoundary resetKey={location.href}>
          <Guard>
            <Outlet />
          </Guard>
        </CrashBoundary>
      </main>
      {palette !== null && (
        <Suspense>
          <Palette open={palette} onClose={() => setPalette(false)} onHelp={openHelp} />
        </Suspense>
      )}
      {help !== null && (
        <Suspense>
          <Help open={help} onClose={() => setHelp(false)} />
        </Suspense>
      )}
      {"behind" in location.search && (
        <Suspense>
          <PeopleBehindDrawer />
        </Suspense>
      )}
    </div>
  );
}

function Brand() {
  const session = useSession();
  return (
    <Link to="/" className="nav-brand" aria-label="Touchstone">
      <Logo size={24} />
      <div>
        <b>Touchstone</b>
        {session?.organisation.name && <small className="ellipsis">{session.organisation.name}</small>}
      </div>
    </Link>
  );
}

function NavColumn({
  rail,
  onSearch,
  onHelp,
  inDrawer,
}: {
  rail: boolean;
  onSearch: () => void;
  onHelp: () => void;
  inDrawer?: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const navigation = useNavigation();
  const mayQuarantine = useMay("quarantine:read");
  const waiting =
    useQuery({
      ...quarantineSummaryQuery,
      enabled: mayQuarantine,
      refetchInterval: 30_000,
      select: totalWaiting,
    }).data ?? 0;
  const toggle = t(rail ? "nav.unfold" : "nav.fold");
  return (
    <nav className="nav" aria-label={t("nav.label")}>
      <Brand />
      <Tooltip title={rail ? t("nav.search") : null} placement="right">
        <button type="button" className="nav-search" onClick={onSearch} aria-label={t("nav.search")}>
          <Search size={14} aria-hidden="true" />
          <span>{t("nav.search")}</span>
          <kbd>{isMac ? "⌘K" : "Ctrl K"}</kbd>
        </button>
      </Tooltip>
      {navigation.map((group) => (
        <div className="nav-group" key={group.title ?? group.items[0]?.key}>
          {group.title && <div className="nav-title">{t(`nav.${group.title}`)}</div>}
          {group.items.map(({ key, label, to, icon: Icon }) => {
            const here = to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`);
            const badge = key === "quarantine" && waiting > 0 ? waiting : null;
            return (
              <Tooltip key={key} title={rail ? t(label) : null} placement="right">
                <Link
                  to={to}
                  className="nav-item"
                  aria-current={here ? "page" : undefined}
                  aria-label={t(label)}
                >
                  <Icon aria-hidden="true" />
                  <span>{t(label)}</span>
                  {badge !== null && <small className="nav-badge">{format.compact(badge)}</small>}
                </Link>
              </Tooltip>
            );
          })}
        </div>
      ))}
      <div className="nav-foot">
        <AccountMenu rail={rail} onHelp={onHelp} />
        {!inDrawer && (
          <Tooltip title={toggle} placement={rail ? "right" : "top"}>
            <button
              type="button"
              className="icon-button"
              aria-label={toggle}
              onClick={() => setPreferences({ nav: rail ? "wide" : "rail" })}
            >
              {rail ? <PanelLeftOpen /> : <PanelLeftClose />}
            </button>
          </Tooltip>
        )}
      </div>
    </nav>
  );
}

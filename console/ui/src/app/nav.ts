import {
  BookOpen,
  ChartNoAxesCombined,
  FileUp,
  Gauge,
  ListChecks,
  type LucideIcon,
  Plug,
  Radio,
  Settings2,
  Shapes,
  ShieldAlert,
  UsersRound,
  Webhook,
} from "lucide-react";

/**
 * The map of the console, in the order of the loop: what comes in, who it is, which groups they form, what it means.
 * Only what exists is listed. The palette is fed from the same list.
 */
export interface NavItem {
  key:
    | "overview"
    | "sources"
    | "debugger"
    | "quarantine"
    | "catalogue"
    | "imports"
    | "people"
    | "segments"
    | "analytics"
    | "jobs"
    | "webhooks"
    | "settings";
  /** Typed after "g", it leads here. */
  letter: string;
  to: string;
  icon: LucideIcon;
}
export interface NavGroup {
  title?: "collect" | "act";
  items: NavItem[];
}

export const navigation: readonly NavGroup[] = [
  { items: [{ key: "overview", letter: "o", to: "/", icon: Gauge }] },
  {
    title: "collect",
    items: [
      { key: "sources", letter: "r", to: "/collect/sources", icon: Plug },
      { key: "debugger", letter: "d", to: "/collect/debugger", icon: Radio },
      { key: "quarantine", letter: "q", to: "/collect/quarantine", icon: ShieldAlert },
      { key: "catalogue", letter: "c", to: "/collect/catalogue", icon: BookOpen },
      { key: "imports", letter: "i", to: "/collect/imports", icon: FileUp },
    ],
  },
  {
    items: [
      { key: "people", letter: "p", to: "/people", icon: UsersRound },
      { key: "segments", letter: "s", to: "/segments", icon: Shapes },
      { key: "analytics", letter: "a", to: "/analytics", icon: ChartNoAxesCombined },
    ],
  },
  {
    title: "act",
    items: [{ key: "webhooks", letter: "w", to: "/webhooks", icon: Webhook }],
  },
  {
    items: [
      { key: "jobs", letter: "j", to: "/jobs", icon: ListChecks },
      { key: "settings", letter: ",", to: "/settings", icon: Settings2 },
    ],
  },
];

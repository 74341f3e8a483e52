import {
  BookOpen,
  ChartNoAxesCombined,
  FileUp,
  Gauge,
  type LucideIcon,
  Plug,
  Radio,
  Settings2,
  Shapes,
  ShieldAlert,
  UsersRound,
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
    | "settings";
  to: string;
  icon: LucideIcon;
}
export interface NavGroup {
  title?: "collect";
  items: NavItem[];
}

export const navigation: readonly NavGroup[] = [
  { items: [{ key: "overview", to: "/", icon: Gauge }] },
  {
    title: "collect",
    items: [
      { key: "sources", to: "/collect/sources", icon: Plug },
      { key: "debugger", to: "/collect/debugger", icon: Radio },
      { key: "quarantine", to: "/collect/quarantine", icon: ShieldAlert },
      { key: "catalogue", to: "/collect/catalogue", icon: BookOpen },
      { key: "imports", to: "/collect/imports", icon: FileUp },
    ],
  },
  {
    items: [
      { key: "people", to: "/people", icon: UsersRound },
      { key: "segments", to: "/segments", icon: Shapes },
      { key: "analytics", to: "/analytics", icon: ChartNoAxesCombined },
    ],
  },
  { items: [{ key: "settings", to: "/settings", icon: Settings2 }] },
];

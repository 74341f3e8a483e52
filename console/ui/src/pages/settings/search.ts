import { compact, flag, oneOf, str } from "@/lib/search";

export const settingsTabs = ["organisation", "appearance", "users", "keys", "mail", "audit"] as const;
export const auditWithin = ["1d", "7d", "30d", "90d"] as const;

/** `create` opens the drawer for a new member or key; the rest narrows the audit log. */
export interface SettingsSearch {
  tab?: (typeof settingsTabs)[number];
  create?: true;
  q?: string;
  /** Who did it: the id of a user or key. */
  actor?: string;
  /** What was done, as in segment.create, or all of a thing, as in segment.*. */
  action?: string;
  /** To what: its id. */
  target?: string;
  within?: (typeof auditWithin)[number];
}

export const settingsSearch = (raw: Record<string, unknown>): SettingsSearch =>
  compact({
    tab: oneOf(raw, "tab", settingsTabs),
    create: flag(raw, "create"),
    q: str(raw, "q"),
    actor: str(raw, "actor"),
    action: str(raw, "action"),
    target: str(raw, "target"),
    within: oneOf(raw, "within", auditWithin),
  });

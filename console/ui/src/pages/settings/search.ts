import { compact, flag, oneOf } from "@/lib/search";

export const settingsTabs = ["organisation", "appearance", "users", "keys", "audit"] as const;

/** `create` opens the drawer for a new member or key. */
export const settingsSearch = (
  raw: Record<string, unknown>,
): { tab?: (typeof settingsTabs)[number]; create?: true } =>
  compact({ tab: oneOf(raw, "tab", settingsTabs), create: flag(raw, "create") });

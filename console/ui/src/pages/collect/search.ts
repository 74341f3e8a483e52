import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const sourcesSearch = (raw: Raw): { source?: string; create?: true; q?: string } =>
  compact({ source: str(raw, "source"), create: flag(raw, "create"), q: str(raw, "q") });

export const debuggerSearch = (raw: Raw): { source?: string; q?: string; show?: "rejected" | "accepted" } =>
  compact({
    source: str(raw, "source"),
    q: str(raw, "q"),
    show: oneOf(raw, "show", ["rejected", "accepted"] as const),
  });

export const quarantineSearch = (
  raw: Raw,
): { source?: string; code?: string; q?: string; view?: "groups" | "rules"; group?: string } =>
  compact({
    source: str(raw, "source"),
    code: str(raw, "code"),
    q: str(raw, "q"),
    view: oneOf(raw, "view", ["groups", "rules"] as const),
    group: str(raw, "group"),
  });

/** The classes of personal data that a field may hold. */
export const classes = ["phone", "email", "id_card", "plate", "vin", "bank_card", "location"] as const;

/** `entry` is what is being described: `trait:level`. */
export const catalogueSearch = (
  raw: Raw,
): {
  tab?: "traits" | "personal";
  event?: string;
  q?: string;
  range?: "all";
  class?: (typeof classes)[number];
  entry?: string;
} =>
  compact({
    tab: oneOf(raw, "tab", ["traits", "personal"] as const),
    class: oneOf(raw, "class", classes),
    entry: str(raw, "entry"),
    event: str(raw, "event"),
    q: str(raw, "q"),
    range: oneOf(raw, "range", ["all"] as const),
  });

/** The steps of an import: the file that was sent, the import of it, and how its mapping is edited. */
export const importFileSearch = (raw: Raw): { upload?: string; run?: string; view?: "yaml" } =>
  compact({
    upload: str(raw, "upload"),
    run: str(raw, "run"),
    view: oneOf(raw, "view", ["yaml"] as const),
  });

export const importsSearch = (raw: Raw): { open?: string } => compact({ open: str(raw, "open") });

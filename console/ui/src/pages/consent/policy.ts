import type { ConsentPolicy, ConsentPurpose } from "@/api/types";

/** What a form edits: nothing is left out. */
export interface Draft {
  name: Text;
  purposes: Purpose[];
  channels: { key: string; title: Text }[];
  categories: Record<string, string[]>;
  signals: NonNullable<ConsentPolicy["signals"]>;
  collected: NonNullable<ConsentPolicy["collected"]>;
  uses: Record<string, string>;
  privacy_url: string;
  refused: NonNullable<ConsentPolicy["refused"]>;
}
export interface Text {
  zh: string;
  en: string;
}
export type Purpose = Required<ConsentPurpose>;

export const bases = ["necessary", "opt_in", "opt_out"] as const;
export const classes = ["", "personalised", "sharing", "location", "minor", "biometric"] as const;
export const uses = ["collect", "analyse", "act", "share", "personalise"] as const;
/** Classes that need a consent of their own, so that they are asked for before. */
export const alone: readonly string[] = ["sharing", "location", "minor", "biometric"];

export const emptyText = (): Text => ({ zh: "", en: "" });

export function draftOf(p: ConsentPolicy | null | undefined): Draft {
  return {
    name: p?.name ?? emptyText(),
    purposes: (p?.purposes ?? []).map((u) => ({
      ...u,
      class: u.class ?? "",
      channels: u.channels ?? [],
      wording: u.wording ?? 0,
    })),
    channels: p?.channels ?? [],
    categories: p?.categories ?? {},
    signals: p?.signals ?? [],
    collected: p?.collected ?? [],
    uses: p?.uses ?? {},
    privacy_url: p?.privacy_url ?? "",
    refused: p?.refused || "drop",
  };
}

/** One line of what is different between two policies. */
export interface Difference {
  purpose: string;
  field: "added" | "removed" | "title" | "text" | "basis" | "class" | "channels";
  lang?: "zh" | "en";
  from: string;
  to: string;
}

/** What of the purposes differs, in the order of the later policy. */
export function differences(before: Draft, after: Draft): Difference[] {
  const out: Difference[] = [];
  const was = new Map(before.purposes.map((u) => [u.key, u]));
  for (const u of after.purposes) {
    const old = was.get(u.key);
    if (!old) {
      out.push({ purpose: u.key, field: "added", from: "", to: "" });
      continue;
    }
    for (const field of ["title", "text"] as const)
      for (const lang of ["zh", "en"] as const)
        if (old[field][lang] !== u[field][lang])
          out.push({ purpose: u.key, field, lang, from: old[field][lang], to: u[field][lang] });
    for (const field of ["basis", "class"] as const)
      if (old[field] !== u[field]) out.push({ purpose: u.key, field, from: old[field], to: u[field] });
    const [from, to] = [old.channels.join(", "), u.channels.join(", ")];
    if (from !== to) out.push({ purpose: u.key, field: "channels", from, to });
  }
  const now = new Set(after.purposes.map((u) => u.key));
  for (const u of before.purposes)
    if (!now.has(u.key)) out.push({ purpose: u.key, field: "removed", from: "", to: "" });
  return out;
}

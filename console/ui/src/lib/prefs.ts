import { useSyncExternalStore } from "react";

/** What one person prefers on one machine. What colleagues share belongs in the address or on the server. */
export interface Preferences {
  theme: "system" | "light" | "dark";
  lang: "auto" | "zh-CN" | "en";
  nav: "auto" | "wide" | "rail";
  /** Hidden columns by table. */
  hidden: Record<string, string[]>;
}

const key = "touchstone.preferences";
const defaults: Preferences = { theme: "system", lang: "auto", nav: "auto", hidden: {} };
const listeners = new Set<() => void>();
let current = read();

function read(): Preferences {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Preferences>) };
  } catch {
    return defaults;
  }
}

export function getPreferences(): Preferences {
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(key, JSON.stringify(current));
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
  for (const l of listeners) l();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => current,
    () => current,
  );
}

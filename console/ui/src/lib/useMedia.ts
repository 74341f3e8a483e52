import { useSyncExternalStore } from "react";

/** Whether a media query holds; used where a style sheet cannot decide, such as the widths of a table's columns. Without a window, none does. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (l) => {
      const m = window.matchMedia(query);
      m.addEventListener("change", l);
      return () => m.removeEventListener("change", l);
    },
    () => window.matchMedia(query).matches,
    () => false,
  );
}

/** A telephone. */
export const useSmall = () => useMedia("(max-width: 760px)");

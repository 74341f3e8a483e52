import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { compact } from "./search";

/**
 * Changes parts of the address's search on the page where one is: `set({ q: "ana", cursor: undefined })`. Filters replace
 * the entry in the history; `push` keeps it, for things that "back" should undo, such as an open drawer.
 */
export function useSetSearch(): (change: Record<string, unknown>, how?: "push") => void {
  const navigate = useNavigate();
  return useCallback(
    (change, how) => {
      void navigate({
        to: ".",
        search: (prev: object) => compact({ ...prev, ...change }),
        replace: how !== "push",
        resetScroll: false,
        // Which page "." is, is not known to the types; each route reads its own parameters back with validateSearch.
      } as Parameters<typeof navigate>[0]);
    },
    [navigate],
  );
}

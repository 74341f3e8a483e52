import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { type Place, useNavigation } from "./feature";

/** Whether ⌘ stands where others have Ctrl. */
export const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

/** Where "g" and a letter lead, for who may go there. */
export function useGoKeys(): readonly Place[] {
  const navigation = useNavigation();
  return useMemo(() => navigation.flatMap((g) => g.items), [navigation]);
}

/** Whether someone is writing: then letters are text. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

const patience = 1500;

/**
 * ⌘K or Ctrl+K opens the palette; "/" goes to the page's search field, or to the palette where there is none; "?" shows
 * the help; "g" and a letter go to a page. An open dialog or drawer keeps its keys to itself, ⌘K excepted.
 */
export function useShortcuts(on: { palette: () => void; help: () => void }): void {
  const navigate = useNavigate();
  const goKeys = useGoKeys();
  const latest = useRef({ ...on, goKeys });
  useEffect(() => {
    latest.current = { ...on, goKeys };
  });
  useEffect(() => {
    let went = 0;
    function onKey(e: KeyboardEvent) {
      if (e.isComposing) return;
      if ((e.metaKey || e.ctrlKey) && !e.altKey && e.key.toLowerCase() === "k") {
        e.preventDefault();
        latest.current.palette();
        return;
      }
      const before = e.timeStamp - went < patience;
      went = 0;
      if (isTyping(e.target) || e.metaKey || e.ctrlKey || e.altKey) return;
      if (document.querySelector(".ant-modal-wrap:not([style*='display: none'])")) return;
      const target = before && latest.current.goKeys.find((k) => k.letter === e.key.toLowerCase());
      if (target) {
        e.preventDefault();
        void navigate({ to: target.to });
      } else if (e.key === "g") went = e.timeStamp;
      else if (e.key === "?") {
        e.preventDefault();
        latest.current.help();
      } else if (e.key === "/") {
        e.preventDefault();
        const field = document.querySelector<HTMLInputElement>(
          "main [data-search] input, main input[data-search]",
        );
        if (field) {
          field.focus();
          field.select();
        } else latest.current.palette();
      }
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);
}

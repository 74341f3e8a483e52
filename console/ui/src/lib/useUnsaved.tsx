import { useBlocker } from "@tanstack/react-router";
import { App } from "antd";
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/** What a drawer asks before it closes: whether something inside of it is not saved. */
type Guard = { current: () => boolean };
const DrawerGuard = createContext<{ add: (g: Guard) => () => void } | null>(null);
export const DrawerGuardProvider = DrawerGuard.Provider;

/** Asks whether changes may go. */
export function useAskToLeave(): () => Promise<boolean> {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  return useCallback(
    () =>
      modal.confirm({
        title: t("guard.title"),
        content: t("guard.text"),
        okText: t("guard.leave"),
        okButtonProps: { danger: true },
        cancelText: t("guard.stay"),
        autoFocusButton: "cancel",
        icon: null,
      }) as unknown as Promise<boolean>,
    [modal, t],
  );
}

/**
 * Keeps what is not saved from being lost: going to another page, closing the tab and closing the drawer ask first.
 * Changes of the same page's search (a draft that is written to the address, a tab, an open drawer) are no leaving.
 * Gives a function to call before going on purpose, after a save.
 */
export function useUnsaved(dirty: boolean): () => void {
  const left = useRef(false);
  const isDirty = useRef(dirty);
  useEffect(() => {
    isDirty.current = dirty;
    if (!dirty) left.current = false;
  });
  const ask = useAskToLeave();
  const guards = useContext(DrawerGuard);
  useEffect(() => guards?.add({ current: () => isDirty.current && !left.current }), [guards]);
  useBlocker({
    disabled: !dirty,
    enableBeforeUnload: () => isDirty.current && !left.current,
    shouldBlockFn: async ({ current, next }) => {
      if (left.current || !isDirty.current || current.pathname === next.pathname) return false;
      return !(await ask());
    },
  });
  return useCallback(() => {
    left.current = true;
  }, []);
}

/** The drawer's side: `close` asks first when something inside is not saved. */
export function useGuardedClose(onClose: () => void): {
  close: () => void;
  guard: { add: (g: Guard) => () => void };
} {
  const ask = useAskToLeave();
  const [guards] = useState(() => new Set<Guard>());
  const add = useCallback(
    (g: Guard) => {
      guards.add(g);
      return () => void guards.delete(g);
    },
    [guards],
  );
  const [guard] = useState(() => ({ add }));
  const close = async () => {
    if ([...guards].some((g) => g.current()) && !(await ask())) return;
    onClose();
  };
  return { close: () => void close(), guard };
}

/** For forms: whether anything was changed by hand since they were filled. */
export function useTouched(): { touched: boolean; touch: () => void; settle: () => void } {
  const [touched, setTouched] = useState(false);
  return {
    touched,
    touch: useCallback(() => setTouched(true), []),
    settle: useCallback(() => setTouched(false), []),
  };
}

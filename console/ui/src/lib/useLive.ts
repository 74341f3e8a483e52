import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { parseJson } from "./json";

export type LiveState = "connecting" | "on" | "paused" | "hidden" | "broken";

const visible = {
  subscribe(l: () => void) {
    document.addEventListener("visibilitychange", l);
    return () => document.removeEventListener("visibilitychange", l);
  },
  get: () => document.visibilityState === "visible",
};

/**
 * Reads a stream of server-sent events. Messages are handed over together, at most four times a second, because a feed
 * of two thousand a second must not draw two thousand times. Closed while paused or while the tab is hidden.
 */
export function useStream<T>(
  url: string | null,
  onMessages: (messages: T[]) => void,
  paused = false,
): LiveState {
  const [state, setState] = useState<LiveState>("connecting");
  const shown = useSyncExternalStore(visible.subscribe, visible.get);
  const handler = useRef(onMessages);
  useEffect(() => {
    handler.current = onMessages;
  });

  useEffect(() => {
    if (url === null || paused || !shown) return;
    setState("connecting");
    let source: EventSource | null = null;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let wait = 1000;
    let batch: T[] = [];
    const flush = setInterval(() => {
      if (batch.length === 0) return;
      const b = batch;
      batch = [];
      handler.current(b);
    }, 250);
    const open = () => {
      source = new EventSource(url);
      source.onopen = () => {
        wait = 1000;
        setState("on");
      };
      source.onmessage = (e: MessageEvent<string>) => {
        try {
          batch.push(parseJson(e.data) as T);
        } catch {
          // One message that cannot be read does not end the feed.
        }
        // A burst while the page is busy: the oldest go first.
        if (batch.length > 1000) batch = batch.slice(-500);
      };
      source.onerror = () => {
        setState("broken");
        // The browser reconnects by itself unless the server answered with an error; then it is up to us.
        if (source?.readyState === EventSource.CLOSED) {
          retry = setTimeout(open, wait);
          wait = Math.min(wait * 2, 30_000);
        }
      };
    };
    open();
    return () => {
      clearInterval(flush);
      clearTimeout(retry);
      source?.close();
    };
  }, [url, paused, shown]);

  if (paused) return "paused";
  return shown ? state : "hidden";
}

/**
 * The newest messages of a feed, newest first, at most `limit`. What arrives after a reconnect and was seen before is
 * left out by `keyOf`.
 */
export function useLiveList<T>(
  url: string | null,
  keyOf: (item: T) => string,
  options: { limit?: number; paused?: boolean } = {},
): { items: T[]; state: LiveState; clear: () => void } {
  const limit = options.limit ?? 200;
  const [items, setItems] = useState<T[]>([]);
  const key = useRef(keyOf);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another feed starts with an empty list
  useEffect(() => setItems([]), [url]);
  const onMessages = useCallback(
    (messages: T[]) => setItems((old) => mergeNewest(old, messages, key.current, limit)),
    [limit],
  );
  const state = useStream<T>(url, onMessages, options.paused);
  const clear = useCallback(() => setItems([]), []);
  return { items, state, clear };
}

/** `incoming` is oldest first; the result newest first, without repeats. */
export function mergeNewest<T>(old: T[], incoming: T[], keyOf: (t: T) => string, limit: number): T[] {
  const seen = new Set(old.map(keyOf));
  const fresh: T[] = [];
  for (const m of incoming) {
    const k = keyOf(m);
    if (seen.has(k)) continue;
    seen.add(k);
    fresh.push(m);
  }
  if (fresh.length === 0) return old;
  return [...fresh.reverse(), ...old].slice(0, limit);
}

import { useCallback, useEffect, useRef, useState } from "react";
import { parseJson, stableJson } from "./json";

/**
 * A draft that answers at once and is written to the address when typing rests. When the address changes by other
 * means (back, a link), the draft follows.
 */
export function useDraft<T>(fromAddress: T, write: (draft: T) => void, wait = 300): [T, (next: T) => void] {
  const [draft, setDraft] = useState(fromAddress);
  const sent = useRef(stableJson(fromAddress));
  const latest = useRef(write);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    latest.current = write;
  });

  const incoming = stableJson(fromAddress);
  useEffect(() => {
    if (incoming !== sent.current) {
      sent.current = incoming;
      clearTimeout(timer.current);
      setDraft(parseJson(incoming) as T);
    }
  }, [incoming]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const change = useCallback(
    (next: T) => {
      setDraft(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        sent.current = stableJson(next);
        latest.current(next);
      }, wait);
    },
    [wait],
  );
  return [draft, change];
}

/** A value as it was when it last rested for a while. */
export function useRested<T>(value: T, wait = 250): T {
  const [rested, setRested] = useState(value);
  const key = stableJson(value);
  // biome-ignore lint/correctness/useExhaustiveDependencies: equal by content, not by identity
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), wait);
    return () => clearTimeout(timer);
  }, [key, wait]);
  return rested;
}

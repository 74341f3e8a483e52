import { useEffect, useRef, useState } from "react";

/** A counter that runs to its new value instead of jumping; at once for people who ask for less motion. */
export function useGlide(value: number | undefined, ms = 900): number | undefined {
  const [shown, setShown] = useState(value);
  const from = useRef(value);
  useEffect(() => {
    if (value === undefined) return;
    const start = from.current;
    if (start === undefined || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      from.current = value;
      setShown(value);
      return;
    }
    const began = performance.now();
    let frame = requestAnimationFrame(function step(now) {
      const part = Math.min(1, (now - began) / ms);
      const at = start + (value - start) * part;
      from.current = at;
      setShown(at);
      if (part < 1) frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [value, ms]);
  return shown;
}

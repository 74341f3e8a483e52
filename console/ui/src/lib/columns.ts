import { type RefObject, useEffect, useState } from "react";

interface Sized {
  width?: number;
  align?: "right";
}

/** A column's width where there is just enough room, in px. */
export const widthOf = (c: Sized): number => c.width ?? (c.align === "right" ? 104 : 200);

/** Columns for texts give way, down to this share; figures and times are worth nothing when they are cut. */
const least = 0.55;
const givesWay = (c: Sized) => c.align !== "right" && widthOf(c) >= 180;

/** Widths for the room there is: as they are while they fit, else the texts narrower. Together they may still not fit. */
export function fitColumns(columns: readonly Sized[], room: number): number[] {
  const total = columns.reduce((n, c) => n + widthOf(c), 0);
  const spare = columns.filter(givesWay).reduce((n, c) => n + widthOf(c) * (1 - least), 0);
  const share = room > 0 && spare > 0 ? Math.min(1, Math.max(0, total - room) / spare) : 0;
  return columns.map((c) => Math.floor(widthOf(c) * (givesWay(c) ? 1 - (1 - least) * share : 1)));
}

/** The width of an element, as it changes. */
export function useRoom(ref: RefObject<HTMLElement | null>, there: boolean): number {
  const [room, setRoom] = useState(0);
  useEffect(() => {
    const el = ref.current;
    if (!el || !there) return;
    const observer = new ResizeObserver(() => setRoom(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, [ref, there]);
  return room;
}

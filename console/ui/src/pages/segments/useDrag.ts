import { type PointerEvent, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Rule } from "@/api/types";
import { ruleAt } from "@/lib/rule";
import { isWithin, misfit, type Slot, sameSlot, slotOf } from "@/lib/ruleMoves";

/** How far the pointer goes, in px, before a press is a drag. */
const threshold = 4;
/** Near an edge of what scrolls, in px, it scrolls. */
const edge = 48;
/** The rim of a nested group, in px, belongs to the group around it. */
const rim = 8;

/**
 * Dragging a part of a rule by the pointer. Where it would go is told while it moves; Escape calls it off. The pointer's
 * own events are used instead of the browser's drag and drop, which fingers cannot do.
 */
export function useDrag(props: {
  box: RefObject<HTMLElement | null>;
  /** Follows the pointer. */
  ghost: RefObject<HTMLElement | null>;
  rule: Rule;
  onDrop: (at: string, slot: Slot) => void;
}): { dragged: string | null; drop: Slot | null; begin: (e: PointerEvent, at: string) => void } {
  const [dragged, setDragged] = useState<string | null>(null);
  const [drop, setDrop] = useState<Slot | null>(null);
  const latest = useRef(props);
  const stop = useRef<() => void>(undefined);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => () => stop.current?.(), []);

  const begin = useCallback((down: PointerEvent, at: string) => {
    if (down.button !== 0 || stop.current) return;
    const { box, ghost } = latest.current;
    const from = { x: down.clientX, y: down.clientY };
    let now = from;
    let moving = false;
    let slot: Slot | null = null;
    let frame = 0;
    const look = () => {
      if (ghost.current) ghost.current.style.transform = `translate(${now.x + 12}px, ${now.y + 8}px)`;
      const next = box.current && slotAt(box.current, now, latest.current.rule, at);
      if (!sameSlot(slot, next ?? null)) {
        slot = next ?? null;
        setDrop(slot);
      }
    };
    const scroll = () => {
      const by = now.y < edge ? -10 : now.y > window.innerHeight - edge ? 10 : 0;
      if (by !== 0) {
        scrollerOf(box.current).scrollBy(0, by);
        look();
      }
      frame = requestAnimationFrame(scroll);
    };
    const onMove = (e: globalThis.PointerEvent) => {
      if (e.pointerId !== down.pointerId) return;
      now = { x: e.clientX, y: e.clientY };
      if (!moving && Math.hypot(now.x - from.x, now.y - from.y) > threshold) {
        moving = true;
        setDragged(at);
        frame = requestAnimationFrame(scroll);
      }
      if (moving) look();
    };
    const end = (dropped: boolean) => {
      stop.current?.();
      if (!moving) return;
      // The press that ends a drag opens no menu.
      const swallow = (e: Event) => e.stopPropagation();
      window.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener("click", swallow, { capture: true }), 0);
      if (dropped && slot) latest.current.onDrop(at, slot);
    };
    const onUp = (e: globalThis.PointerEvent) =>
      e.pointerId === down.pointerId && end(e.type === "pointerup");
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== "Escape") return;
      e.preventDefault();
      e.stopPropagation();
      end(false);
    };
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", onUp);
    window.addEventListener("pointercancel", onUp);
    window.addEventListener("keydown", onKey, true);
    stop.current = () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("pointermove", onMove);
      window.removeEventListener("pointerup", onUp);
      window.removeEventListener("pointercancel", onUp);
      window.removeEventListener("keydown", onKey, true);
      stop.current = undefined;
      setDragged(null);
      setDrop(null);
    };
  }, []);

  return { dragged, drop, begin };
}

/** The slot under the pointer: of the innermost group there that can take the part. Null where it would stay. */
function slotAt(box: HTMLElement, p: { x: number; y: number }, rule: Rule, at: string): Slot | null {
  const part = ruleAt(rule, at);
  const own = slotOf(at);
  if (!part || !own) return null;
  const r = box.getBoundingClientRect();
  // Beside the builder counts as on it: the height says where.
  const x = Math.min(Math.max(p.x, r.left + 1), r.right - 1);
  const y = Math.min(Math.max(p.y, r.top + 1), r.bottom - 1);
  let group = document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-list]") ?? null;
  for (
    ;
    group && box.contains(group);
    group = group.parentElement?.closest<HTMLElement>("[data-list]") ?? null
  ) {
    const list = group.dataset.list ?? "";
    if (isWithin(list, at) || misfit(list, part)) continue;
    const rect = group.getBoundingClientRect();
    if (group.dataset.depth !== "0" && (y < rect.top + rim || y > rect.bottom - rim)) continue;
    const items = [...group.querySelectorAll(":scope > .rule-parts > li")];
    const index = items.filter((li) => {
      const b = li.getBoundingClientRect();
      return (b.top + b.bottom) / 2 < y;
    }).length;
    return list === own.list && (index === own.index || index === own.index + 1) ? null : { list, index };
  }
  return null;
}

function scrollerOf(el: HTMLElement | null): Element {
  for (let e = el?.parentElement; e; e = e.parentElement) {
    if (e.scrollHeight > e.clientHeight && /auto|scroll/.test(getComputedStyle(e).overflowY)) return e;
  }
  return document.scrollingElement ?? document.documentElement;
}

/** Where an arrow key leads. */
export type Way = "left" | "right" | "up" | "down";

export const arrows: Readonly<Record<string, Way>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

interface Placed {
  id: string;
  x: number;
  y: number;
}

/** The nearest box that way: straight ahead counts more than aside. Without one it stays where it is. */
export function nextBox(boxes: readonly Placed[], from: string | undefined, way: Way): string | undefined {
  const here = boxes.find((b) => b.id === from);
  if (!here) return boxes[0]?.id;
  const across = way === "left" || way === "right";
  const sign = way === "left" || way === "up" ? -1 : 1;
  let best: string | undefined = here.id;
  let least = Number.POSITIVE_INFINITY;
  for (const b of boxes) {
    const [dx, dy] = [b.x - here.x, b.y - here.y];
    const ahead = sign * (across ? dx : dy);
    if (ahead <= 0) continue;
    const cost = ahead + 3 * Math.abs(across ? dy : dx);
    if (cost < least) [best, least] = [b.id, cost];
  }
  return best;
}

/** Whether a search finds an identifier: a part of its value or of its kind, whatever the case. */
export function matches(n: { kind: string; value: string }, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  return wanted !== "" && (n.value.toLowerCase().includes(wanted) || n.kind.toLowerCase().includes(wanted));
}

export interface Day<T> {
  key: string;
  items: T[];
}

/** Neighbours with the same day together; the order of the list is kept. */
export function groupByDay<T>(list: readonly T[], dayOf: (item: T) => string): Day<T>[] {
  const days: Day<T>[] = [];
  for (const item of list) {
    const key = dayOf(item);
    const last = days.at(-1);
    if (last?.key === key) last.items.push(item);
    else days.push({ key, items: [item] });
  }
  return days;
}

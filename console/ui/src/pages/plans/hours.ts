const hour = 3_600_000;

/** Counts of every hour of a span, the oldest first; hours that nothing was told of are 0. */
export function hourly(
  counts: readonly { hour: string; count: number }[],
  since: string,
  hours: number,
): number[] {
  const first = Math.floor(Date.parse(since) / hour);
  const out = new Array<number>(hours + 1).fill(0);
  for (const c of counts) {
    const at = Math.floor(Date.parse(c.hour) / hour) - first;
    if (at >= 0 && at < out.length) out[at] = (out[at] ?? 0) + c.count;
  }
  return out;
}

/** What the server notes in an event's context when it did not believe the time that was sent. */
export type TimeMark = {
  /** Where the event's time comes from. */
  source: "originalTimestamp" | "sentAt" | "receivedAt";
  /** What was wrong with the time that was sent. */
  problem: "bad_timestamp" | "in_future";
  /** The time as it was sent. */
  given: string;
};

const sources: readonly string[] = ["originalTimestamp", "sentAt", "receivedAt"];
const problems: readonly string[] = ["bad_timestamp", "in_future"];

/** The mark of an event, if it has one. */
export function timeMarkOf(context: Record<string, unknown> | null | undefined): TimeMark | null {
  const { time_source: source, time_problem: problem, time_given: given } = context ?? {};
  if (typeof source !== "string" || !sources.includes(source)) return null;
  if (typeof problem !== "string" || !problems.includes(problem)) return null;
  return {
    source: source as TimeMark["source"],
    problem: problem as TimeMark["problem"],
    given: typeof given === "string" ? given : "",
  };
}

import { createContext, useContext } from "react";
import type { CatalogueEvent } from "@/api/types";
import type { Question, Range } from "./question";

/** What every tab shares: the question, the range it means, and the catalogue. */
export interface Frame {
  q: Question;
  set: (change: Partial<Question>) => void;
  range: Range;
  events: readonly CatalogueEvent[];
  /** The first and the last moment with data. */
  since: string | undefined;
  until: string | undefined;
}

const FrameContext = createContext<Frame | null>(null);
export const FrameProvider = FrameContext.Provider;

export function useFrame(): Frame {
  const frame = useContext(FrameContext);
  if (!frame) throw new Error("a part of the analytics page outside of it");
  return frame;
}

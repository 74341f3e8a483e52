import { useRouterState } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { closedTo, neededFor, useFeatures } from "./feature";
import { Refused } from "./Refused";
import { mayIn, useSession } from "./session";

/** Shows a page to who may see it, and to others what they lack. The server refuses in any case. */
export function Guard({ children }: { children: ReactNode }) {
  const features = useFeatures();
  const session = useSession();
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const needed = neededFor(features, pathname);
  const closed = session !== undefined && closedTo(features, session, pathname);
  if (!session || (!closed && mayIn(session, needed))) return children;
  return (
    <div className="page">
      <Refused needed={needed} everybody={closed} />
    </div>
  );
}

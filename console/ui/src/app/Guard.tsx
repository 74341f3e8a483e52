import { Navigate, useRouterState } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ForbiddenState } from "@/components/states";
import { mayIn, neededFor, useFeatures, useNavigation } from "./feature";
import { useSession } from "./session";

/** Shows a page to who may see it, and to others what they lack. The server refuses in any case. */
export function Guard({ children }: { children: ReactNode }) {
  const features = useFeatures();
  const session = useSession();
  const navigation = useNavigation();
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const needed = neededFor(features, pathname);
  if (!session || mayIn(session, needed)) return children;
  const home = navigation[0]?.items[0];
  if (pathname === "/" && home && home.to !== "/") return <Navigate to={home.to} replace />;
  return (
    <div className="page">
      <ForbiddenState needed={needed} role={session.user?.role} />
    </div>
  );
}

import type { Permission } from "@/api/types";
import { ForbiddenState, LimitedState } from "@/components/states";
import { useSession } from "./session";

/** Why the caller is not shown something: the right that they lack, or that it is about everybody and they see some people only. */
export function Refused({ needed, everybody }: { needed: Permission | undefined; everybody?: boolean }) {
  const session = useSession();
  const closed = everybody || (needed !== undefined && session?.closed.includes(needed));
  return session?.rows && closed ? (
    <LimitedState rows={session.rows} />
  ) : (
    <ForbiddenState needed={needed} role={session?.user?.role} />
  );
}

import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "@/api/queries";
import type { Permission, Session } from "@/api/types";

/** The session; the shell is shown only after it was loaded. */
export function useSession() {
  return useQuery(sessionQuery).data;
}

/** Whether the caller has a right, and it is worth something to one who is limited to some people. */
export function mayIn(session: Session | undefined, permission: Permission | undefined): boolean {
  return (
    permission === undefined ||
    (session?.permissions.includes(permission) === true && !session.closed.includes(permission))
  );
}

/** Whether the caller sees some people only. */
export function useLimited(): boolean {
  return Boolean(useSession()?.rows);
}

/** Whether the caller may do something; buttons that may not be used are not shown. */
export function useMay(permission: Permission): boolean {
  return mayIn(useSession(), permission);
}

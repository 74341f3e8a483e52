import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "@/api/queries";
import type { Permission } from "@/api/types";

/** The session; the shell is shown only after it was loaded. */
export function useSession() {
  return useQuery(sessionQuery).data;
}

/** Whether the caller may do something; buttons that may not be used are not shown. */
export function useMay(permission: Permission): boolean {
  return useSession()?.permissions.includes(permission) === true;
}

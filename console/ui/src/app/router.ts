import "./arrival";
import { setOnSignedOut } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import { features, routes } from "../features";
import { makeRouter } from "./makeRouter";

export const router = makeRouter(features, routes);

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

// A session that ended while a page was open: back to the sign-in, and then here again.
setOnSignedOut(() => {
  const here = router.state.location;
  if (here.pathname === "/sign-in" || here.pathname === "/setup") return;
  queryClient.removeQueries({ queryKey: sessionQuery.queryKey });
  void router.navigate({ to: "/sign-in", search: { next: here.href } });
});

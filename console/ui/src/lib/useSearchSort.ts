import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useState } from "react";
import { compact } from "./search";

/** The order of a page's table. On the main table it is in the address (?sort=); small tables keep it to themselves. */
export function useSearchSort(inAddress: boolean): [string | undefined, (sort: string | undefined) => void] {
  const navigate = useNavigate();
  const search = useRouterState({ select: (s) => (s.location.search as { sort?: string }).sort });
  const [own, setOwn] = useState<string>();
  if (!inAddress) return [own, setOwn];
  return [
    search,
    (sort) => {
      void navigate({
        to: ".",
        search: (prev: object) => compact({ ...prev, sort }),
        replace: true,
        resetScroll: false,
      } as Parameters<typeof navigate>[0]);
    },
  ];
}

import { useState } from "react";
import { useSharedSearch } from "./behind";
import { useSetSearch } from "./useSetSearch";

/** The order of a page's table. On the main table it is in the address (?sort=); small tables keep it to themselves. */
export function useSearchSort(inAddress: boolean): [string | undefined, (sort: string | undefined) => void] {
  const setSearch = useSetSearch();
  const { sort: search } = useSharedSearch();
  const [own, setOwn] = useState<string>();
  return inAddress ? [search, (sort) => setSearch({ sort })] : [own, setOwn];
}

import { mendPath } from "@/lib/search";

/**
 * How this page was reached, before the router tidies the address up. Links that people follow come in by a load of the
 * page; those inside of the console are whole. Imported before the router is made.
 */
const { pathname, search, hash } = window.location;
const path = mendPath(pathname);
if (path !== pathname) window.history.replaceState(window.history.state, "", path + search + hash);

export const arrivedSearch = search;
export const arrivedPath = path;

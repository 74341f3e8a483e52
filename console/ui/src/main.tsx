import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient, sessionQuery } from "./api/queries";
import { Appearance } from "./app/appearance";
import { router } from "./app/router";
import { pickLang, startI18n } from "./i18n";
import { getPreferences } from "./lib/prefs";
import "./app/base.css";

function Console() {
  const session = useQuery(sessionQuery).data;
  const zone = session?.organisation.time_zone || Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Appearance timeZone={zone}>
      <RouterProvider router={router} />
    </Appearance>
  );
}

const root = document.getElementById("root");
if (root) {
  await startI18n(pickLang(getPreferences().lang, navigator.languages));
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Console />
      </QueryClientProvider>
    </StrictMode>,
  );
}

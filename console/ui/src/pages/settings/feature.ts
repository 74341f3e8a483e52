import { Settings2 } from "lucide-react";
import { feature } from "@/app/feature";
import { settingsRoute } from "./routes";

export const settings = feature({
  name: "settings",
  nav: [{ key: "settings", letter: ",", to: "/settings", icon: Settings2, needs: "settings:read" }],
  routes: [settingsRoute],
});

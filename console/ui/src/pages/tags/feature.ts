import { Tags } from "lucide-react";
import { feature } from "@/app/feature";
import { tagsRoutes } from "./routes";

export const tags = feature({
  name: "tags",
  nav: [{ key: "tags", letter: "t", to: "/tags", icon: Tags, needs: "tags:read" }],
  routes: tagsRoutes,
});

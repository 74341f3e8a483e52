import { UsersRound } from "lucide-react";
import { feature } from "@/app/feature";
import { peopleRoutes } from "./routes";

export const people = feature({
  name: "people",
  nav: [{ key: "people", letter: "p", to: "/people", icon: UsersRound, needs: "people:read" }],
  routes: peopleRoutes,
  guards: { "/people/rules": "identity:read" },
  everybody: ["/people/rules"],
});

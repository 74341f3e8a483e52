import { ListChecks } from "lucide-react";
import { feature } from "@/app/feature";
import { jobsRoute } from "./routes";

export const jobs = feature({
  name: "jobs",
  group: "operate",
  nav: [{ key: "jobs", letter: "j", to: "/jobs", icon: ListChecks, needs: "jobs:read" }],
  routes: [jobsRoute],
});

import { ReceiptText } from "lucide-react";
import { feature } from "@/app/feature";
import { salesRoutes } from "./routes";

export const sales = feature({
  name: "sales",
  nav: [{ key: "sales", letter: "x", to: "/sales", icon: ReceiptText, needs: "analytics:read" }],
  routes: salesRoutes,
});

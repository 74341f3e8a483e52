import type { components } from "../src/api/schema";
import { type Asked, ago, page } from "./server.ts";

const mends: components["schemas"]["Mend"][] = [
  {
    id: "mend_1",
    name: "Amounts as numbers",
    event: "Order Completed",
    steps: [{ do: "cast", field: "properties.amount", to: "number" }],
    done: { rule: "mend_1", changed: 1_204, failed: 3, field: "properties.amount", last_at: ago(0.1) },
  },
];

/** Rules that mend what comes. */
export function answerMends({ q }: Asked): unknown {
  return page(mends, q);
}

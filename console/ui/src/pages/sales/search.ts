import { compact, list, oneOf, str } from "@/lib/search";
import { presets } from "@/pages/analytics/question";

type Raw = Record<string, unknown>;

export const saleIntervals = ["day", "week", "month"] as const;
export type SaleInterval = (typeof saleIntervals)[number];

export interface SalesSearch {
  /** The event that is a sale, and its property that is the revenue. */
  sale?: string;
  amount?: string;
  /** Sources that count as online; none: those whose kind says so. */
  online?: string[];
  range?: (typeof presets)[number];
  interval?: SaleInterval;
  /** A field to split by, as fieldKey writes it. */
  by?: string;
  /** The event that is an exposure to an advertisement, and what of it sales are grouped by. */
  exposure?: string;
  touch?: string;
}

export const salesSearch = (raw: Raw): SalesSearch =>
  compact({
    sale: str(raw, "sale"),
    amount: str(raw, "amount"),
    online: list(raw, "online"),
    range: oneOf(raw, "range", presets),
    interval: oneOf(raw, "interval", saleIntervals),
    by: str(raw, "by"),
    exposure: str(raw, "exposure"),
    touch: str(raw, "touch"),
  });

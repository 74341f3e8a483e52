import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const webhooksSearch = (raw: Raw): { create?: true; segment?: string; q?: string } =>
  compact({
    create: flag(raw, "create"),
    // Of whom a new one tells.
    segment: str(raw, "segment"),
    q: str(raw, "q"),
  });

export const webhookSearch = (raw: Raw): { state?: "waiting" | "dead"; delivery?: string; edit?: true } =>
  compact({
    state: oneOf(raw, "state", ["waiting", "dead"] as const),
    delivery: str(raw, "delivery"),
    edit: flag(raw, "edit"),
  });

import type { Lang } from "@/lib/format";

/** Intl says "now" and its Chinese like; people say this. */
export const justNow: Record<Lang, string> = { "zh-CN": "刚刚", en: "just now" };

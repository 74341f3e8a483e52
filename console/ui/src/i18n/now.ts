/** Intl says "now" and its Chinese like; people say this. */
export const justNow = { "zh-CN": "刚刚", en: "just now" } as const;

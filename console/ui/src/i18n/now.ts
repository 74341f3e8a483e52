/** Intl says "now" and its Chinese like; people say this. */
export const justNow = { "zh-CN": "刚刚", en: "just now" } as const;

/** Units of durations, by the same rule in both languages: a space stands before them. */
export const unitNames = {
  en: { ms: "ms", s: "s", min: "min", h: "h", d: "d" },
  "zh-CN": { ms: "毫秒", s: "秒", min: "分钟", h: "小时", d: "天" },
} as const;

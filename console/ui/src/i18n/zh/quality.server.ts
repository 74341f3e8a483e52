import type { Messages } from "../messages";

export const quality: Messages = {
  "There is no alarm {0}.": "没有告警 {0}。",
  "by: {0} is none of minute, hour.": "by：{0} 应为 minute 或 hour。",
  "An alarm is muted until a moment of the next {0} days.": "告警静音的截止时间需在 {0} 天以内。",
};

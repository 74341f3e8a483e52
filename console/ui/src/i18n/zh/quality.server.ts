import type { Messages } from "../messages";

export const quality: Messages = {
  "There is no alarm {0}.": "没有告警 {0}。",
  "by: {0} is none of minute, hour.": "by：{0} 应为 minute 或 hour。",
};

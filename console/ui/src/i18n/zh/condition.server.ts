import type { Messages } from "../messages";

export const condition: Messages = {
  "holds a NUL character": "含有 NUL 字符",
  "is longer than {0} bytes": "超过 {0} 字节",
  "is not a valid text": "不是有效的文本",
  "is not valid JSON: {0}": "不是有效的 JSON：{0}",
  "must be a list, not {0}": "应为列表，而不是 {0}",
  "must be a text, not {0}": "应为文本，而不是 {0}",
  "must be a whole number from {0} to {1}": "应为 {0} 到 {1} 之间的整数",
  "must be an object, not {0}": "应为对象，而不是 {0}",
  "unknown field; known here: {0}": "未知字段；此处可用：{0}",
};

import type { Messages } from "../messages";

export const stages: Messages = {
  "Asking the warehouse since when the rules hold": "正在查询各规则从何时起成立",
  "cursor: is none of this list": "cursor：不属于此列表",
  "from, to: a report is about at most {0} days, of which from is the first":
    "from、to：报告最多涵盖 {0} 天，且 from 应早于 to",
  "give the person a value of a tag; a stage follows from what happens":
    "标签请直接为该用户打；阶段由行为得出",
  'input: is not of the form {"cycle":"cyc_…"}': 'input：格式应为 {"cycle":"cyc_…"}',
  "key: there is a life cycle {0} already": "key：已有生命周期 {0}",
  "lost.from: there is no stage {0}": "lost.from：没有阶段 {0}",
  "lost.key: there is a stage {0} already": "lost.key：已有阶段 {0}",
  "name the key of the least stage from which somebody may be lost": "请填写可能流失的最早阶段的标识",
  "stages: there are 1 to {0}": "stages：应有 1 到 {0} 个",
  "there are {0} life cycles, the most allowed": "已有 {0} 个生命周期，达到上限",
  "there is no life cycle {0}": "没有生命周期 {0}",
  "there is no version {0}": "没有版本 {0}",
  "up to 40 small letters, digits and _, beginning with a letter, as in test_drive":
    "最多 40 个小写字母、数字和 _，以字母开头，例如 test_drive",
  "{0} does not decide yet: its rules are being built": "{0} 尚未生效：规则正在构建",
  "{0} is computed and not corrected": "{0} 由系统计算，不能更正",
  "{0}: has 1 to {1} characters": "{0}：应有 1 到 {1} 个字符",
  "{0}: {1} is no key": "{0}：{1} 不能作为标识",
  "{0}key: there is a stage {1} already": "{0}key：已有阶段 {1}",
  "amount: name the property that says how much an order was worth": "amount：请填写表示订单金额的属性",
  "event: name the event of an order": "event：请填写订单事件",
  "events.{0}: a name has at most {1} bytes": "events.{0}：名称最多 {1} 字节",
  "events.{0}: is missing": "events.{0}：缺失",
  "events.{0}: the template has no such event": "events.{0}：模板中没有此事件",
  "every_hours: is between 1 and {0}": "every_hours：应在 1 到 {0} 之间",
  "name the event of your own that is {0}": "请指定自己的对应事件：{0}",
  "parts: {0} is none of cycle, segments, tags": "parts：{0} 不是 cycle、segments、tags 之一",
  "there is no template {0}": "没有模板 {0}",
  "{0}: each threshold is stricter than the one before": "{0}：每个阈值都应比前一个更严格",
  "{0}: there are {1} thresholds, of the scores 2, 3, 4 and 5": "{0}：应有 {1} 个阈值，对应 2、3、4、5 分",
  "These are traits of each life cycle; choose another key.":
    "这些后缀用于每个生命周期的属性，请换一个键名。",
  "key: {0} ends with _since or _was": "key：{0} 以 _since 或 _was 结尾",
};

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
};

import type { Messages } from "../messages";

export const audience: Messages = {
  "A rule need not be saved to be asked about.": "规则无需保存即可查询。",
  "Ask again in a moment.": "请稍后再试。",
  'Give either "segment" or "rule".': '"segment" 与 "rule" 请二选一。',
  "Leave it out to ask about now.": "不填写则查询当前。",
  "Nobody has a trait {0}.": "没有用户带有属性 {0}。",
  "The segments change faster than they can be read.": "人群变化过快，暂时无法读取。",
  "The steps are {0}.": "步骤有：{0}。",
  "at: must be a moment of the past": "at：应为过去的时刻",
  "fields: {0} are more than the {1} allowed": "fields：{0} 个，超过上限 {1} 个",
  "interval: {0} is none of hour, day": "interval：{0} 不是 hour 或 day",
  "sample.of: {0} is none of members, lost, only, condition":
    "sample.of：{0} 不是 members、lost、only、condition 之一",
  "sample.path: the rule has no part {0}": "sample.path：规则中没有 {0}",
  "sample.path: {0} is no step of the waterfall": "sample.path：{0} 不是瀑布中的一步",
  "sets: must hold from {0} to {1} audiences": "sets：应有 {0} 到 {1} 个人群",
  "{0} conditions have {1} answers": "{0} 个条件却得到 {1} 个结果",
  "{0} holds contacts, and you may not see contacts.": "{0} 含有联系方式，而您无权查看联系方式。",
};

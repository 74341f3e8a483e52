import type { Messages } from "../messages";

export const households: Messages = {
  "a decision is about somebody and 1 to {0} others": "一次判定涉及一个人和 1 到 {0} 个其他人",
  "a name in the rules has 1 to {0} bytes": "规则中的名称长度为 1 到 {0} 字节",
  "a night begins and ends at different hours from 0 to 23": "夜间的开始与结束时刻须不同，取值 0 到 23",
  "at most {0} names fit into a list of the rules": "规则中的每个列表最多 {0} 个名称",
  "at most {0} strengths fit into the rules": "规则中最多 {0} 项可信程度",
  "take them as they were learnt, or leave them out": "请原样使用估计结果，或留空",
  "{0} at {1} is no strength with a weight from 0 to 1": "{0} 的 {1} 不是有效的可信程度（权重须为 0 到 1）",
  "households are not ordered by {0}": "家庭不能按 {0} 排序",
  "it is together, apart, or empty to take it back": "可为 together、apart，或留空以撤销",
  "its members may have been parted, or erased": "其成员可能已被拆分或删除",
  "sort is revenue, size or score": "sort 可为 revenue、size 或 score",
  "the kinds are address, payment, device, declared and vehicle":
    "可用类型：address、payment、device、declared、vehicle",
  "the rules are not of their form": "规则格式不正确",
  "the threshold lies above 0 and is at most 1": "阈值须大于 0 且不超过 1",
  "there are two rules for {0}": "{0} 有两条规则",
  "there is no household {0}": "没有家庭 {0}",
  "there is no rule of the kind {0}": "没有类型为 {0} 的规则",
  "there is no verdict {0}": "没有判定 {0}",
  "{0} and {1} are of one person": "{0} 与 {1} 属于同一个人",
  "{0} is not the id of a household: it looks like h_1a2b": "{0} 不是家庭 ID，家庭 ID 形如 h_1a2b",
  "{0}: a weight lies between 0 and 1": "{0}：权重须在 0 到 1 之间",
  "{0}: from 2 to {1} persons may share it": "{0}：共享人数须为 2 到 {1}",
  "{0}: it holds for 0 to {1} days": "{0}：有效天数须为 0 到 {1}",
  "{0}: it must be seen on 1 to {1} days": "{0}：出现天数须为 1 到 {1}",
};

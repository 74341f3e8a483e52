import type { Messages } from "../messages";

export const linkage: Messages = {
  "A column needs a name of at most 100 bytes.": "字段需要名称，最长 100 字节。",
  "A threshold is a chance between 0 and 1.": "阈值应在 0 与 1 之间。",
  "At most {0} sources can be clean.": "最多可设置 {0} 个干净的来源。",
  "Clean sources are those in which each person stands once, by their ids.":
    "干净的来源是每个人只出现一次的来源，按 id 填写。",
  "{0} is no source, or is there twice.": "{0} 不是来源，或出现了两次。",
  "At most {0} columns can be compared.": "最多比对 {0} 个字段。",
  "Begin with the first page.": "请从第一页开始。",
  "Choose the columns to compare under Identity, Probable matches.": "请在“疑似同一人”的设置中选择比对字段。",
  Comparing: "正在比对",
  "Decisions are link, reject and review, which takes a rejection back.":
    "可选 link、reject 与 review（撤回排除）。",
  "It is loaded when the job linkage.match has run once, in the process with the role act.":
    "任务 linkage.match 运行一次后，索引会在具有 act 角色的进程中加载。",
  "It may have gone with one of its persons.": "可能已随其中一位用户删除。",
  "Kinds are {0}.": "可选类型：{0}。",
  "Learning what agreement is worth": "正在学习各字段的权重",
  Linking: "正在合并",
  "Raise linkage.max_persons; each takes about half a kilobyte of memory.":
    "请调大 linkage.max_persons，每位用户约占 0.5 KB 内存。",
  "Reading persons": "正在读取用户",
  "Sources are name, id.KIND and trait.NAME.": "来源可为 name、id.类型 或 trait.属性名。",
  "Split the person on its page to part them.": "如需拆开，请在用户详情页拆分。",
  "States are review, linked, rejected and refused.": "状态可为 review、linked、rejected 或 refused。",
  "The column {0} needs between 1 and {1} sources.": "字段 {0} 需要 1 到 {1} 个来源。",
  "The index of persons is not loaded in this process.": "该进程尚未加载用户索引。",
  "The two are one person by now.": "两者已是同一人。",
  "The values need names of the columns that are compared.": "取值需使用比对字段的名称。",
  "There are more than {0} persons to compare.": "参与比对的用户超过 {0} 位。",
  "There is no pair {0}.": "没有用户对 {0}。",
  "There is no state {0}.": "没有状态 {0}。",
  "There is nothing to compare: no trait says who somebody is.": "没有可比对的内容：没有能识别身份的属性。",
  "They are {0}.": "可用的有：{0}。",
  "What is linked needs a higher chance than what is reviewed.": "合并阈值应高于审核阈值。",
  "Writing what was found": "正在写入结果",
  "the two are one person by now": "两者已是同一人",
  "{0} is no decision.": "{0} 不是有效的处理结果。",
  "{0} is no kind of column.": "{0} 不是有效的字段类型。",
  "{0} is no source of values.": "{0} 不是有效的来源。",
  "{0} names no pair": "{0} 不是用户对",
};

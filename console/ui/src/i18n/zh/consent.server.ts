import type { Messages } from "../messages";

export const consent: Messages = {
  "A consent policy has 1 to {0} purposes, not {1}.": "授权政策应有 1 到 {0} 个目的，不能是 {1} 个。",
  "A decision of the future cannot be recorded.": "不能记录未来的决定。",
  "A key has lower-case letters, digits and _, begins with a letter and has at most 32 of them.":
    "标识由小写字母、数字和 _ 组成，以字母开头，最多 32 个字符。",
  "A link is valid for 1 to {0} days.": "链接有效期为 1 到 {0} 天。",
  "A signal names an event, a purpose and one of its channels, or none: {0} does not.":
    "信号需指定事件、目的及其渠道之一（或不指定渠道）：{0} 不符合。",
  "An identifier has a kind and a value.": "标识需有类型和值。",
  "Ask for a new one.": "请索取新的链接。",
  "At most {0} categories, {1} signals and {2} rules of what is collected fit.":
    "最多 {0} 个类别、{1} 个信号、{2} 条采集规则。",
  "Effects of the kind {0} do not say for which use they are, so they are closed.":
    "{0} 类动作未说明用途，因此不执行。",
  "GET /api/v1/consent/policy lists them.": "GET /api/v1/consent/policy 列出全部目的。",
  "GET /api/v1/persons/{ref}/consents says what is agreed to; the header {0} names another purpose.":
    "GET /api/v1/persons/{ref}/consents 说明同意了什么；可用请求头 {0} 指定其他目的。",
  "Give 1 to {0} decisions.": "请提供 1 到 {0} 个决定。",
  "Jobs of the kind {0} do not say for which use they work on persons, so they are closed.":
    "{0} 类任务未说明对个人信息的用途，因此不能启动。",
  "Name the person by 1 to {0} identifiers.": "请用 1 到 {0} 个标识指明此人。",
  "Nobody is asked about {0}: it is necessary.": "{0} 为必需，无需征得同意。",
  "Say what it is about: the parameter purpose, or use.": "请用参数 purpose 或 use 说明用途。",
  "Set one: PUT /api/v1/consent/policy.": "请先设置：PUT /api/v1/consent/policy。",
  "The address of the privacy notice begins with https:// and has at most {0} bytes.":
    "隐私政策地址须以 https:// 开头，最多 {0} 字节。",
  "The category {0} means no purpose, or has no name.": "类别 {0} 没有对应目的，或没有名称。",
  "The category {0} means {1} together with others, and that purpose needs a consent of its own.":
    "类别 {0} 把 {1} 与其他目的合在一起，而该目的需要单独同意。",
  "The consent policy has no purpose {0}.": "授权政策中没有目的 {0}。",
  "The note has more than {0} characters.": "说明超过 {0} 个字符。",
  "The purpose {0} has no channel {1}.": "目的 {0} 没有渠道 {1}。",
  "The purpose {0} has no form that is the same for everybody.": "目的 {0} 没有不针对个人特征的选项。",
  "The purpose {0}: the law wants a consent given for it alone, so it is opt_in.":
    "目的 {0}：法律要求单独同意，因此须为 opt_in。",
  "The purpose {0}: there is no channel {1}, or it is named twice.": "目的 {0}：没有渠道 {1}，或重复出现。",
  "The purpose {0}: there is no class {1}.": "目的 {0}：没有类别 {1}。",
  "The purpose {0}: {1} is none of necessary, opt_in, opt_out.":
    "目的 {0}：{1} 应为 necessary、opt_in 或 opt_out。",
  "The signal {0} cannot grant {1}: that needs a consent of its own.":
    "信号 {0} 不能授予 {1}：该目的需要单独同意。",
  "The text of {0} has no version {1}.": "{0} 的文案没有版本 {1}。",
  "The text of {0} must be there in Chinese and English, with at most {1} characters each.":
    "{0} 的文案须有中文和英文，每种最多 {1} 个字符。",
  "There are {0} channels; at most {1} fit.": "有 {0} 个渠道；最多 {1} 个。",
  "There is no consent policy yet, so nothing can be agreed to.": "尚未设置授权政策，无法记录同意。",
  "There is no purpose {0}.": "没有目的 {0}。",
  "There is no use {0}.": "没有用途 {0}。",
  "This call does not say for which use it shows or changes persons, so it is closed.":
    "此接口未说明对个人信息的用途，因此关闭。",
  "This link is not valid, or no longer.": "此链接无效或已过期。",
  "This person does not agree to what you ask for.": "此人不同意您请求的用途。",
  "Events of {0} that are refused cannot be kept, as nobody's either: the law wants a consent given for it alone.":
    "{0} 需要单独同意，被拒绝的事件即使匿名也不能保留。",
  "Let them be dropped.": "请选择不保留。",
  "{0} does not say what becomes of events that are refused: drop or pseudonymise.":
    "{0} 未说明如何处理被拒绝的事件：drop 或 pseudonymise。",
  "{0} is no decision: granted, denied or non_personalised.":
    "{0} 不是有效决定：granted、denied 或 non_personalised。",
  "{0} is no key, or there are two of it.": "{0} 不是有效标识，或重复。",
};

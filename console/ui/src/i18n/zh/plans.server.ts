import type { Messages } from "../messages";

export const plans: Messages = {
  "A note is one line of at most {0} characters.": "备注为单行文字，最多 {0} 个字符。",
  "A tracking plan holds for at most {0} sources.": "一个埋点方案最多适用于 {0} 个数据源。",
  "A tracking plan needs a name of one line and at most {0} characters.":
    "埋点方案需要一个单行名称，最多 {0} 个字符。",
  "Add one, or begin with what was observed.": "请添加事件，或从已上报的数据生成。",
  "All tracking plans that hold have {0} bytes; at most {1} fit.":
    "所有生效的埋点方案共 {0} 字节，最多 {1} 字节。",
  "Name the sources of one of the two.": "请为其中一个方案指定数据源。",
  "No row names the columns of event and property.": "没有一行是包含事件列和属性列的表头。",
  "Retire it first.": "请先停用。",
  "Row {0} has the property {1} before any event.": "第 {0} 行的属性 {1} 之前没有事件。",
  "Send it as the plan has it, or ask who keeps the plan to change it.":
    "请按埋点方案上报，或请方案负责人修改方案。",
  "Take the source out of one of the two.": "请从其中一个方案中移除该数据源。",
  "The event breaks the tracking plan of its source: {0}.": "事件不符合其数据源的埋点方案：{0}。",
  "The plan cannot be read: {0}.": "无法读取埋点方案：{0}。",
  "The plan has {0} bytes; at most {1} fit.": "埋点方案有 {0} 字节，最多 {1} 字节。",
  "The plan has {0} events; at most {1} fit.": "埋点方案有 {0} 个事件，最多 {1} 个。",
  "The rules of the tracking plan are of no form that Segment's APIs give: {0}.":
    "埋点方案的规则不是 Segment API 的格式：{0}。",
  "The sheet's heading has 事件英文变量名 and 属性英文变量名.":
    "表头应包含“事件英文变量名”和“属性英文变量名”。",
  "The source {0} already has the tracking plan {1}.": "数据源 {0} 已使用埋点方案 {1}。",
  "The tracking plan is not JSON: {0}.": "埋点方案不是有效的 JSON：{0}。",
  "The tracking plan {0} already holds for all sources without their own.":
    "埋点方案 {0} 已适用于所有未单独指定方案的数据源。",
  "The tracking plan {0} has no event yet.": "埋点方案 {0} 尚无事件。",
  "The tracking plan {0} holds for events.": "埋点方案 {0} 正在生效。",
  "The tracking plan {0} holds for no events.": "埋点方案 {0} 未生效。",
  "There are {0} tracking plans, which is the most.": "已有 {0} 个埋点方案，达到上限。",
  "There is no event in the tracking plan.": "埋点方案中没有事件。",
  "There is no tracking plan {0}.": "埋点方案 {0} 不存在。",
  "a pattern has 1 to {0} bytes": "正则表达式长度为 1 到 {0} 字节",
  "a schema is an object": "Schema 应为对象",
  "additionalProperties is true or false": "additionalProperties 只能是 true 或 false",
  "an enum lists at least one value": "enum 至少有一个取值",
  "an enum lists at most {0} values": "enum 最多 {0} 个取值",
  "an enum lists texts, numbers, true, false and null only": "enum 只能包含文本、数字、true、false 和 null",
  "an object has at most {0} properties": "一个对象最多 {0} 个属性",
  "events[{0}]: a name has 1 to {1} bytes.": "events[{0}]：事件名长度为 1 到 {1} 字节。",
  "events[{0}]: the event {1} is in the plan twice.": "events[{0}]：事件 {1} 在方案中重复。",
  "hours: a whole number from 1 to {0}.": "hours：应为 1 到 {0} 的整数。",
  "minItems is above maxItems": "minItems 大于 maxItems",
  "minLength is above maxLength": "minLength 大于 maxLength",
  "no number is in the range: minimum is above maximum": "取值范围为空：最小值大于最大值",
  "properties is an object of schemas": "properties 应为由 Schema 组成的对象",
  "required lists names of properties": "required 应为属性名列表",
  "schemas are nested deeper than {0}": "Schema 嵌套超过 {0} 层",
  "the format {0} is not known": "不支持的 format：{0}",
  "the keyword {0} is not one of those that a plan knows": "不支持的关键字：{0}",
  "the pattern cannot be read: {0}": "无法解析正则表达式：{0}",
  "the plan has more than {0} schemas": "方案包含超过 {0} 个 Schema",
  "the property is there twice": "属性重复",
  "the schema of an event describes an object": "事件的 Schema 应描述一个对象",
  "the type {0} is none of string, number, integer, boolean, array, object, null":
    "类型 {0} 不是 string、number、integer、boolean、array、object、null 之一",
  "type names no type": "type 未指定类型",
  "x-action: {0} is none of allow, coerce, drop, quarantine, reject":
    "x-action：{0} 不是 allow、coerce、drop、quarantine、reject 之一",
  "{0} is a number": "{0} 应为数字",
  "{0} is a whole number of 0 and more": "{0} 应为不小于 0 的整数",
  "{0} is no format of tracking plans: protocols or sensors.":
    "{0} 不是埋点方案的格式，应为 protocols 或 sensors。",
  "{0} is none of {1}.": "{0} 不是 {1} 之一。",
  "{0} is required, but properties does not have it, and no others are allowed":
    "{0} 为必填，但不在 properties 中，且不允许其他属性",
  "{0}: display_name and owner have at most {1} bytes, a description {2}.":
    "{0}：display_name 与 owner 最多 {1} 字节，description 最多 {2} 字节。",
  "{0}: {1} is none of {2}.": "{0}：{1} 不是 {2} 之一。",
  "{0}: {1}.": "{0}：{1}。",
  "A field has 1 to {0} bytes.": "字段长度为 1 到 {0} 字节。",
  "A mending rule has a name: one line of at most {0} characters.":
    "修正规则需要一个名称：单行，最多 {0} 个字符。",
  "A rule that holds for what comes cannot change {0}.": "对后续事件生效的规则不能修改 {0}。",
  "All mending rules have more than {0} bytes.": "所有修正规则合计超过 {0} 字节。",
  "An expression cannot have {0}.": "表达式中不能使用 {0}。",
  "An expression has 1 to {0} bytes.": "表达式长度为 1 到 {0} 字节。",
  "Expressions compute a value of the event's own: no loops, variables or times.":
    "表达式只用事件自身的数据计算：不能有循环、变量或时间函数。",
  "Give it at least one step.": "请至少添加一个步骤。",
  "Identifiers and times are read by the edge, before the rules. Events that it has refused can be repaired so when they are replayed.":
    "标识和时间在规则之前由接入端读取。被接入端拒绝的事件可以在重放时这样修复。",
  "Plans are published and mending rules put one by one, not with the rules.":
    "埋点方案和修正规则需逐个提交，不随准入规则提交。",
  "Step {0}: an event's name has 1 to {1} bytes and does not begin with $.":
    "第 {0} 步：事件名为 1 到 {1} 字节，且不以 $ 开头。",
  "Step {0}: elements of a list have no name.": "第 {0} 步：列表元素没有名称。",
  "Step {0}: give the value that stands for a missing {1}.": "第 {0} 步：请填写 {1} 缺失时的默认值。",
  "Step {0}: nothing can be cast to {1}.": "第 {0} 步：不能转换为 {1}。",
  "Step {0}: nothing is called {1}.": "第 {0} 步：没有名为 {1} 的操作。",
  "Step {0}: say what the text is split at, and at most {1} fields for its parts.":
    "第 {0} 步：请填写分隔符，以及最多 {1} 个目标字段。",
  "Step {0}: the value is no JSON.": "第 {0} 步：默认值不是有效的 JSON。",
  "Step {0}: what is in elements of a list stays in them.": "第 {0} 步：列表元素内的字段不能移出该元素。",
  "Step {0}: {1} can only be renamed or set.": "第 {0} 步：{1} 只能改名或赋值。",
  "Step {0}: {1} has that name.": "第 {0} 步：{1} 已是该名称。",
  "Take away those that mend nothing any more.": "请删除不再起作用的规则。",
  "The expression {0} cannot be read: {1}.": "无法解析表达式 {0}：{1}。",
  "The mending rule {0} does nothing.": "修正规则 {0} 没有任何步骤。",
  "The mending rule {0} has {1} steps; at most {2} fit.": "修正规则 {0} 有 {1} 个步骤，最多 {2} 个。",
  "The name, source and event of a mending rule have at most {0} bytes.":
    "修正规则的名称、数据源和事件名最多 {0} 字节。",
  "There are {0} mending rules; at most {1} fit.": "修正规则有 {0} 条，最多 {1} 条。",
  "There is no mending rule {0}.": "没有修正规则 {0}。",
  "Write properties.amount, traits.phone or context.app.version.":
    "请写成 properties.amount、traits.phone 或 context.app.version。",
  "do is rename, cast, split, default, drop or set.": "do 为 rename、cast、split、default、drop 或 set。",
  "to is number, integer, string, boolean, date-time or array.":
    "to 为 number、integer、string、boolean、date-time 或 array。",
  "{0} names no field that can be mended.": "{0} 不是可以修正的字段。",
  "{0} names no field.": "{0} 不是字段。",
};

import type { Messages } from "../messages";

export const analytics: Messages = {
  "A condition on {0} may name {1} values at most: you may not see contacts.":
    "针对 {0} 的条件最多可列出 {1} 个值：你无权查看联系方式。",
  "Compare with eq or in; other comparisons need the permission {0}.":
    "请使用 eq 或 in 比较；其他比较方式需要权限 {0}。",
  "Compare with eq, or with fewer than {0} digits.": "请使用 eq 比较，或少于 {0} 位数字。",
  'Give "query", the question, and "select", which number of its answer is meant; both are objects.':
    '请同时提供 "query"（查询）与 "select"（指定结果中的数字），两者都是对象。',
  "On {0} only whole values may be compared: you may not see contacts.":
    "{0} 只能按完整的值比较：你无权查看联系方式。",
  "SQL cannot be answered: no process could be started for it": "SQL 无法执行：不能为它启动进程",
  "SQL for those who may not see contacts needs a process of its own, and none is configured.":
    "无权查看联系方式的成员，其 SQL 需在独立进程中执行，而当前未配置该进程。",
  "SQL reads the view events and the warehouse's tables only": "SQL 只能读取视图 events 和仓库中的表",
  "SQL reads the view events and the warehouse's tables; SHOW TABLES lists them":
    "SQL 可以读取视图 events 和仓库中的表；SHOW TABLES 列出它们",
  "SQL reads the warehouse only; bring files in with touchstone import":
    "SQL 只能读取仓库；请用 touchstone import 导入文件",
  "SQL sees nothing of the server's surroundings": "SQL 看不到服务器的运行环境",
  "SQL: {0}": "SQL：{0}",
  "The body must be an object, not {0}.": "请求体应为对象，而不是 {0}。",
  "The permission {0} is needed for more.": "更多的值需要权限 {0}。",
  "The text {0} may be a part of a contact, and you may not see contacts.":
    "文本 {0} 可能是联系方式的一部分，而你无权查看联系方式。",
  "a dimension is a text, never true or false": "维度是文本，不会是 true 或 false",
  "a few people have more than {0} of the events asked about": "少数用户在所查事件上的次数超过 {0}",
  "a part of the kind {0} cannot be used here": "此处不能使用 {0} 这种结构",
  "a pattern has {0} {1} at most; regexp_matches(…) takes any":
    "匹配模式中最多有 {0} 个 {1}；regexp_matches(…) 没有此限制",
  "a table cannot be read as of another version here": "此处不能读取表的其他版本",
  "a text of {0} bytes is too long": "{0} 字节的文本过长",
  "a type nests deeper than {0} levels": "类型的嵌套超过 {0} 层",
  "all such functions of a statement together may make {0} characters or elements":
    "一条语句中此类函数合计最多生成 {0} 个字符或元素",
  "an array type of {0} elements is too long": "{0} 个元素的数组类型过长",
  "an expression of the class {0} cannot be used here": "此处不能使用 {0} 类表达式",
  "ask about a shorter range or fewer groups": "请缩短时间范围或减少分组",
  "ask about a shorter range or fewer groups, or raise query.sql_memory":
    "请缩短时间范围或减少分组，或调高 query.sql_memory",
  "ask about a shorter range or fewer groups, or raise the warehouse's memory limit":
    "请缩短时间范围、减少分组，或提高仓库的内存上限",
  "ask about a shorter range or rarer events": "请缩短时间范围，或查询更少见的事件",
  "ask in several statements": "请拆成几条语句",
  "cursor: {0} is not one that was given out": "cursor：{0} 不是曾经返回过的值",
  "dimension: unknown dimension {0}; use one of {1}": "dimension：未知维度 {0}，可用：{1}",
  "docs/queries.md lists the functions that can": "可用的函数见 docs/queries.md",
  "docs/queries.md lists the types that can": "可用的类型见 docs/queries.md",
  "events are generated for an empty warehouse only, at least one of at least one user":
    "只能为空仓库生成事件，且至少一位用户一个事件",
  "holds both dimension and {0}; one per condition": "同时含有 dimension 与 {0}，每个条件只能有一个",
  "is missing; 1 to {0}": "缺失；应为 1 到 {0}",
  'is missing; an event such as {"event":"view"}': '缺失；应为事件，例如 {"event":"view"}',
  "is missing; at least one event and measure": "缺失；至少需要一个事件和指标",
  "is missing; one SELECT over the view events": "缺失；应为一条查询视图 events 的 SELECT",
  "is missing; the events of the funnel, in order": "缺失；应为漏斗的事件，按顺序排列",
  "is missing; the first moment that counts, as in 2026-01-01T00:00:00Z":
    "缺失；应为起始时刻（含），例如 2026-01-01T00:00:00Z",
  "is missing; the first moment that no longer counts, as in 2026-02-01T00:00:00Z":
    "缺失；应为结束时刻（不含），例如 2026-02-01T00:00:00Z",
  'is missing; the name of an event, or "*" for all': '缺失；应为事件名称，"*" 表示全部',
  "is missing; the row's breakdown values, in order": "缺失；应为该行的拆分值，按顺序排列",
  "is missing; the time of the row": "缺失；应为该行的时间",
  "is missing; {0} needs the property to measure": "缺失；{0} 需要指定要计算的属性",
  "is not available for retention yet": "留存暂不支持",
  "json_type and json_keys tell what a value holds": "用 json_type 和 json_keys 查看值的内容",
  "kind: is missing; use one of {0}": "kind：缺失，可用：{0}",
  "kind: unknown kind {0}; use one of {1}": "kind：未知类型 {0}，可用：{1}",
  "kind: {0} is not available yet; use one of {1}": "kind：暂不支持 {0}，可用：{1}",
  "leave the impossible values out with a condition, as in where: [{property: {0}, op: lt, value: 1e15}]":
    "请用条件排除异常值，例如 where: [{property: {0}, op: lt, value: 1e15}]",
  "must be from {0} on, and at most 200 years before to": "应不早于 {0}，且最多比 to 早 200 年",
  "must be later than from": "应晚于 from",
  "must hold one of property, context and dimension": "须包含 property、context、dimension 之一",
  "must hold {0} to {1} items, not {2}": "应有 {0} 到 {1} 项，而不是 {2} 项",
  "must not be empty": "不能为空",
  "name either a property or a dimension": "property 与 dimension 请二选一",
  "nothing here can wait": "此处不能等待",
  "only a statement that reads is allowed": "只允许读取类语句",
  "property: holds a NUL character": "property：含有 NUL 字符",
  "query: longer than {0} bytes": "query：超过 {0} 字节",
  "query: there are no people behind the rows of SQL": "query：SQL 的结果行没有对应的用户",
  "read the values one by one, as in properties->>'price'": "请逐个读取，例如 properties->>'price'",
  "households are not available here": "此处不支持家庭",
  "segments are not available here": "此处不支持人群",
  "select from duckdb_settings()": "请查询 duckdb_settings()",
  "select the value as it is; the console shows it readably": "直接查询该值即可，控制台会以易读的方式显示",
  "series.{0}: has too many groups": "series.{0}：分组过多",
  "series.{0}: the {1} of {2} goes beyond what a number can hold (1.8e308)":
    "series.{0}：{2} 的 {1} 超出数值可表示的范围（1.8e308）",
  "so many steps on the same event, with a breakdown, do not fit a range this long; ask for a shorter range":
    "同一事件的步骤过多且带有拆分，时间范围过长；请缩短时间范围",
  "texts in a statement have {0} bytes at most": "语句中的单个文本最多 {0} 字节",
  "the SQL holds {0} statements; only one is allowed": "SQL 含有 {0} 条语句，只允许一条",
  "the SQL is empty": "SQL 为空",
  "the engine failed at this statement": "引擎执行这条语句时出错",
  "the event is chosen by the question itself, not by a condition": "事件由查询本身指定，不能用条件指定",
  "the function {0} cannot be read from here": "此处不能读取函数 {0}",
  "the function {0} cannot be used here": "此处不能使用函数 {0}",
  "the question needs more memory than the warehouse may use": "此查询所需内存超过仓库上限",
  "the question took longer than {0}": "查询耗时超过 {0}",
  "the range has more than {0} intervals of one {1}; use a longer interval":
    "时间范围超过 {0} 个 {1} 区间，请使用更大的粒度",
  "the set {0} is not at version {1}": "集合 {0} 不是版本 {1}",
  "the statement has more than {0} parts": "语句的组成部分超过 {0} 个",
  "the statement needs more memory than it may use": "语句所需内存超过上限",
  "the statement nests deeper than {0} levels": "语句的嵌套超过 {0} 层",
  "the type {0} cannot be used here": "此处不能使用类型 {0}",
  "the warehouse is busy with other questions": "仓库正忙于其他查询",
  "there is no step after the last one; use reached": "最后一步之后没有步骤；请使用 reached",
  "to: lies before everything": "to：早于全部数据",
  "to: must be later than from": "to：应晚于 from",
  "too many SQL statements are waiting already": "排队等待的 SQL 语句过多",
  "unknown dimension {0}; use one of {1}": "未知维度 {0}，可用：{1}",
  "unknown time zone {0}; use an IANA name such as Asia/Shanghai or UTC":
    "未知时区 {0}；请使用 IANA 名称，例如 Asia/Shanghai 或 UTC",
  "unknown value {0}; use one of {1}": "未知值 {0}，可用：{1}",
  "use a list": "请使用列表",
  "use a longer interval or fewer breakdowns": "请使用更大的粒度，或减少拆分",
  "use floor(x / width) * width": "请使用 floor(x / width) * width",
  "use integers with & and |": "请使用整数以及 & 和 |",
  "use integers with bit_or": "请使用整数和 bit_or",
  "use it as a table, SELECT … FROM range(…), or write its bounds as numbers":
    "请作为表使用，例如 SELECT … FROM range(…)，或直接写出边界数值",
  "use levenshtein": "请使用 levenshtein",
  "use list_resize with a length as a number": "请使用 list_resize，并直接写出长度",
  "use unnest(regexp_split_to_array(…))": "请使用 unnest(regexp_split_to_array(…))",
  "write a SELECT, WITH … SELECT, DESCRIBE or EXPLAIN": "请写 SELECT、WITH … SELECT、DESCRIBE 或 EXPLAIN",
  "write a plain SELECT, WITH … SELECT, DESCRIBE, SHOW TABLES or EXPLAIN SELECT; a PIVOT needs its values listed: IN (…)":
    "请写普通的 SELECT、WITH … SELECT、DESCRIBE、SHOW TABLES 或 EXPLAIN SELECT；PIVOT 需列出取值：IN (…)",
  "write it in another way; the server goes on, and its log has what the engine said":
    "请换一种写法；服务器仍在正常运行，引擎的报错见服务器日志",
  "write its format as a text, with widths of three digits at most": "请直接写出格式文本，其中宽度最多三位数",
  "write its size as a number": "请直接写出数字大小",
  "write lists instead of long chains, and steps with WITH": "请用列表代替冗长的连写，用 WITH 分步书写",
  "write the pattern as a text, or use contains(…), starts_with(…) or regexp_matches(…)":
    "请直接写出匹配模式，或使用 contains(…)、starts_with(…)、regexp_matches(…)",
  "write the statement itself": "请直接写出语句",
  "write the table's name itself": "请直接写出表名",
  "write the value itself, or use a WITH clause": "请直接写出该值，或使用 WITH 子句",
  "write what is replaced, and with what, as texts": "请直接写出被替换和替换成的文本",
  "write what the matches are replaced with as a text": "请直接写出替换成的文本",
  "{0} cannot be read from here": "此处不能读取 {0}",
  "{0} could make a value of any size, or take any time, here": "{0} 在此处可能生成任意大的值，或耗时无限",
  "{0} is not a length of time; write 7d, 12h, 30m or 90s, at most {1}":
    "{0} 不是时长；请写 7d、12h、30m 或 90s，最长 {1}",
  "{0} is not a time; write 2026-01-31T00:00:00Z (RFC 3339)":
    "{0} 不是时间；请写 2026-01-31T00:00:00Z（RFC 3339）",
  "{0} is not the time of a row": "{0} 不是结果行的时间",
  "{0} makes values that are too large": "{0} 会生成过大的值",
  "{0} measures no property": "{0} 不计算属性",
  "a funnel of {0} steps and {1} groups does not fit a range this long":
    "漏斗有 {0} 步、{1} 个分组，超出此时间范围可计算的规模",
  "a set holds numbers": "集合中只能是数字",
  "a set's numbers are missing": "缺少集合中的数字",
  "Ask the same as a trend, a funnel or a retention: those count your people.":
    "请改用趋势、漏斗或留存提问：它们只统计你能看到的人。",
  "SQL reads the events of all people, and your access is limited to some.":
    "SQL 会读取所有人的事件，而你只能查看其中一部分人。",
  "must hold one field": "只能包含一个字段",
  "sales are of persons here; households are one kind of evidence":
    "这里的成交按用户统计；家庭只是匹配依据之一",
  "the range, its groups and touches are too many for one question": "时间范围、分组与触点过多，无法一次查询",
  "households have no trait {0}": "家庭没有名为 {0} 的属性",
  "is the second one; a question is broken down by one trait of households":
    "是第二个；一次查询只能按一个家庭属性拆分",
  "select.breakdown: is missing; the row's breakdown values, in order":
    "select.breakdown：缺失；应按顺序给出该行的拆分值",
  "select.breakdown: no household has this value": "select.breakdown：没有家庭具有该值",
  "select: must be an object": "select：必须是对象",
};

import type { Messages } from "../messages";

export const segments: Messages = {
  "A rule makes a segment that follows it; persons make a fixed list.":
    "填写规则得到随规则更新的人群；填写用户得到固定名单。",
  'Give either "rule" or "persons".': '"rule" 与 "persons" 请二选一。',
  'The field "persons" has {0} entries; at most {1} fit.': '字段 "persons" 有 {0} 项，最多 {1} 项。',
  "The input is an object with segment, columns and purpose.":
    "参数应为包含 segment、columns 和 purpose 的对象。",
  "change or delete it first": "请先修改或删除它",
  "cursor: is not one that this list has given": "cursor：不是由该列表返回的",
  "delete one that nobody uses": "请删除一个无人使用的",
  "description: is longer than {0} characters": "description：超过 {0} 个字符",
  "holds both {0} and {1}; one condition per object": "同时含有 {0} 与 {1}，每个对象只能有一个条件",
  "is missing; {0}": "缺失；{0}",
  "is missing; {0} compares with one": "缺失；{0} 需要一个比较值",
  "is nested more than {0} deep": "嵌套超过 {0} 层",
  "is one more than the {0} conditions allowed": "条件数超过上限 {0}",
  "must be a list of 1 to {0} values": "应为 1 到 {0} 个值的列表",
  "must be a text, a number, true or false, not {0}": "应为文本、数字、true 或 false，而不是 {0}",
  "must have 1 to {0} bytes": "应为 1 到 {0} 字节",
  "must hold at least one condition": "至少需要一个条件",
  "must hold one of any, all, none: of whom the condition must be true":
    "必须包含 any、all、none 之一，说明条件对哪些成员成立",
  "there is no role {0}; use one of payer, user, driver, child":
    "没有角色 {0}；请使用 payer、user、driver 或 child",
  "what is asked of a household's member cannot be about households again":
    "对家庭成员的条件中不能再包含家庭条件",
  "must hold either property or context": "property 与 context 须二选一",
  "must hold one of {0}": "须包含以下之一：{0}",
  "name: is longer than {0} characters": "name：超过 {0} 个字符",
  "name: is missing": "name：缺失",
  "name: there is a segment {0} already ({1})": "name：已有人群 {0}（{1}）",
  "persons: {0} are more than the {1} allowed": "persons：{0} 个，超过上限 {1} 个",
  "persons: {0} is not a person id": "persons：{0} 不是用户 ID",
  "rule: the segment would refer to itself: {0}": "rule：人群不能引用自身：{0}",
  "rule: {0} bytes are more than the {1} allowed": "rule：{0} 字节，超过上限 {1} 字节",
  "rule: {0} is a fixed list of persons and has no rule": "rule：{0} 是固定名单，没有规则",
  "segment {0} refers to this one": "人群 {0} 引用了此人群",
  "there are {0} segments, the most allowed": "已有 {0} 个人群，达到上限",
  "there is no segment {0}": "人群 {0} 不存在",
  "unknown operator {0}; a count knows gte, lte and eq": "未知运算符 {0}；次数只支持 gte、lte、eq",
  "unknown operator {0}; {1}": "未知运算符 {0}；{1}",
  "{0} compares with a text": "{0} 须与文本比较",
  "{0} does not compare with true or false; use eq or neq": "{0} 不能与 true 或 false 比较；请使用 eq 或 neq",
  "{0} is not a length of time; write 30d, 12h, 45m or 90s, at most 3650d":
    "{0} 不是时长；请写 30d、12h、45m 或 90s，最长 3650d",
  "{0} is not a path like page.path": "{0} 不是 page.path 这样的路径",
  "{0} is out of range": "{0} 超出范围",
  "{0} takes no value": "{0} 不需要值",
  "{0}: there is no segment {1}": "{0}：人群 {1} 不存在",
  "Ask about a shorter time, or add a condition on the event's properties.":
    "请缩短时间范围，或增加事件属性筛选。",
  "is known up to now only; use within, a calendar period that goes on, or since and until":
    "只能统计到当前为止；请使用 within、当前的自然周期，或 since 与 until",
  "is longer ago than {0}": "距今超过 {0}",
  "is missing: whose values?": "缺少属性名：要统计哪个属性的取值？",
  "more than {0} people have events with {1}": "带有 {1} 的事件涉及超过 {0} 人",
  "must be later than since": "应晚于 since",
  "must be longer ago than to: {0} is not longer than {1}": "应比 to 更早：{0} 不比 {1} 长",
  "must be one of day, week, month, quarter, year": "应为 day、week、month、quarter、year 之一",
  'needs from and to, such as {"from":"30d","to":"10d"}: between 30 and 10 days ago':
    '需要 from 和 to，例如 {"from":"30d","to":"10d"}：30 天前至 10 天前',
  "the first of a window that moves is not kept; use all time, or since and until":
    "滑动的时间范围内不保留首次取值；请不限时间，或使用 since 与 until",
  "there is {0} already; a condition compares one thing": "已有 {0}；一个条件只能比较一项",
  "there is {0} already; a condition has one window: use one of within, ago, calendar, and since with until":
    "已有 {0}；一个条件只能有一个时间范围：within、ago、calendar，或 since 与 until",
  "{0} compares by gte, gt, lte, lt and eq only": "{0} 只支持 gte、gt、lte、lt、eq",
  "{0} compares with a number": "{0} 应与数字比较",
  "{0} is not a moment; write 2026-03-01, or 2026-03-01T09:00:00+08:00":
    "{0} 不是有效的时间；请写成 2026-03-01 或 2026-03-01T09:00:00+08:00",
  "{0} is not a time zone; write one like Asia/Shanghai":
    "{0} 不是有效的时区；请写成 Asia/Shanghai 这样的名称",
  "is about the step before; the first has none. Write it beside sequence to say when it must have begun":
    "表示与上一步的间隔，第一步没有上一步；要限定序列的起始时间，请与 sequence 并列填写",
  "is missing: within what time did it not follow?": "缺少时间：在多长时间内没有发生？",
  "must be true or false, not {0}": "应为 true 或 false，而不是{0}",
  "must have 2 to {0} steps": "应有 2 到 {0} 步",
  "only the last step can say what did not follow": "只有最后一步可以表示没有发生",
  "a regular expression has at most {0} bytes": "正则表达式最多 {0} 字节",
  "is not a regular expression (RE2): {0}": "不是有效的正则表达式（RE2）：{0}",
  "is one more than the {0} regular expressions allowed": "超过了允许的 {0} 个正则表达式",
  "is out of range: lat is from -90 to 90, lng from -180 to 180, km more than 0 and at most {0}":
    "超出范围：lat 为 -90 到 90，lng 为 -180 到 180，km 大于 0 且不超过 {0}",
  "is too large a regular expression; repeat less, or fewer times":
    "正则表达式过于复杂；请减少重复或重复次数",
  'must be a number; a place is {"lat":31.23,"lng":121.47,"km":5}':
    '应为数字；位置的写法是 {"lat":31.23,"lng":121.47,"km":5}',
  "must be a percentage from 0 to 100 with at most two decimals": "应为 0 到 100 的百分比，最多两位小数",
  "must be more than from": "应大于 from",
  "must have 1 to {0} bytes: what is drawn with the same salt is the same part":
    "应为 1 到 {0} 字节：salt 相同则抽到同一批人",
  "{0} is about properties and the context; a dimension is a text":
    "{0} 用于事件属性和上下文；公共维度是文本",
  "{0} is about traits; of an event's property compare the text, such as gte 2026-03-01, and of its time use within, ago, since or until":
    "{0} 用于用户特征；事件属性请按文本比较，如 gte 2026-03-01，事件时间请使用 within、ago、since 或 until",
  "{0} is not a version; write numbers with points between, such as 2.10 or v3.0.1":
    "{0} 不是版本号；请写以点分隔的数字，如 2.10 或 v3.0.1",
  "The parameter {0} must be the number of a version.": "参数 {0} 应为版本号。",
  "ask somebody else with the permission segments:approve": "请其他有 segments:approve 权限的人批准",
  "folder: is longer than {0} characters": "folder：超过 {0} 个字符",
  "labels: {0} are more than the {1} allowed": "labels：{0} 个超过上限 {1} 个",
  "labels: {0} is longer than {1} characters, or has several lines":
    "labels：{0} 超过 {1} 个字符，或含有换行",
  "note: is longer than {0} characters": "note：超过 {0} 个字符",
  "owner: is longer than {0} characters": "owner：超过 {0} 个字符",
  "the segment {0} has no version {1}": "人群 {0} 没有版本 {1}",
  "upload the list again": "请重新上传名单",
  "version {0} is a list of persons, which is not kept": "版本 {0} 是固定名单，其内容不保留",
  "version {0} of {1} waits for nobody's approval": "{1} 的版本 {0} 不需要审批",
  "version {0} waits for approval and never was the segment's": "版本 {0} 尚待审批，从未生效",
  "what waits for approval was changed meanwhile": "待审批的内容已被修改",
  "{0} has no version that waits for approval": "{0} 没有待审批的版本",
  'Give either "rule" or "text".': "请提供 rule 或 text 中的一个。",
  "a condition begins with trait, did, never did, sum of, average of, minimum of, maximum of, first, last, sequence, in segment, random, any of household or not; {0} does not":
    "条件应以 trait、did、never did、sum of、average of、minimum of、maximum of、first、last、sequence、in segment、random、any of household 或 not 开头，而不是 {0}",
  "a rule ends here, or goes on with and, or; {0} does not fit":
    "规则应在此结束，或以 and、or 继续；{0} 不合语法",
  "here stands a length of time, such as 30 days, 12 hours or 90 seconds":
    "此处应为时长，如 30 days、12 hours 或 90 seconds",
  "here stands a moment, such as 2026-03-01 or 2026-03-01T09:00:00+08:00, not {0}":
    "此处应为时刻，如 2026-03-01 或 2026-03-01T09:00:00+08:00，而不是 {0}",
  "here stands a name, not {0}": "此处应为名称，而不是 {0}",
  "here stands a name; {0} has a meaning of its own, so as a name it stands in quotes":
    "此处应为名称；{0} 是语法词，用作名称时请加双引号",
  "here stands a number, not {0}": "此处应为数字，而不是 {0}",
  'here stands a time zone in quotes, such as "Asia/Shanghai"': '此处应为加双引号的时区，如 "Asia/Shanghai"',
  "here stands a value: a text in quotes, a number, true or false, not {0}":
    "此处应为值：加双引号的文本、数字、true 或 false，而不是 {0}",
  "here stands a whole number, not {0}": "此处应为整数，而不是 {0}",
  "how is it compared? Write =, !=, >, >=, <, <=, {0}, more than, less than; {1} is none of these":
    "缺少比较方式：可用 =、!=、>、>=、<、<=、{0}、more than、less than；{1} 不在其中",
  "how often? Write at least, at most or exactly, and a number":
    "缺少次数：请写 at least、at most 或 exactly 加数字",
  'is not a text; write a quote within as \\" and a backslash as \\\\':
    '不是有效的文本；其中的双引号写作 \\"，反斜杠写作 \\\\',
  "line {0}, column {1}: {2}": "第 {0} 行第 {1} 列：{2}",
  "the end": "结尾",
  "this text has no closing quote on its line": "该文本在本行没有结束的双引号",
  "write in the last and a length of time for what goes on until now":
    "到目前为止的时段请写 in the last 加时长",
  "{0} is missing before {1}": "{1} 之前缺少 {0}",
  '{0} means nothing here; texts stand in "quotes"': "{0} 在此处没有意义；文本请加双引号",
  "Ask about the present, or leave the length of time out.": "请查询当前时刻，或去掉时长。",
  "how long somebody has been in a segment is known of now only": "只能得知到当前为止在人群中的时长",
  "A file for this platform is a list without columns and cannot say what is to be removed.":
    "该平台的文件是没有列的名单，无法表示需要移除的人。",
  "An SFTP server needs a host, a user, and a password or private key.":
    "SFTP 服务器需要主机、用户，以及密码或私钥。",
  "An activation needs a name of at most {0} characters.": "投放需要名称，且不超过 {0} 个字符。",
  "Ask whoever runs the server whether the key is theirs, and set it then.":
    "请向服务器的管理者确认该密钥，再填写。",
  "Bringing the file to its receiver": "正在发送文件",
  "Calls are signed: the secret is whsec_ and 24 to 64 bytes in base64.":
    "调用会签名：密钥为 whsec_ 加 24 到 64 字节的 base64。",
  "Give it in the form of OpenSSH or PEM, without a passphrase.": "请使用 OpenSSH 或 PEM 格式，且不带口令。",
  "Say which kinds of identifiers are sent.": "请指定发送哪些标识。",
  "Send a smaller segment.": "请发送更小的人群。",
  "Send everything each time; the platform replaces what it has.": "请每次发送全部，由平台整体替换。",
  "The file did not arrive whole: {0}.": "文件未完整送达：{0}。",
  'The input is {"activation": "act_…"}.': '输入应为 {"activation": "act_…"}。',
  "The private key cannot be read.": "无法读取私钥。",
  "The secret has more than {0} bytes.": "密钥超过 {0} 字节。",
  "The server cannot be reached: {0}.": "无法连接服务器：{0}。",
  "The server does not take the file: {0}.": "服务器不接收该文件：{0}。",
  "The server does not take the user with this password or key.": "服务器不接受该用户的密码或密钥。",
  "The server has the key {0}, which is not the one that was set.": "服务器的密钥是 {0}，与所填写的不同。",
  "The server speaks SSH, but not SFTP: {0}.": "服务器支持 SSH，但不支持 SFTP：{0}。",
  "The server's key is told as SHA256:… and its fingerprint.": "服务器密钥应写成 SHA256:… 加指纹。",
  "There are more than {0} lines.": "超过 {0} 行。",
  "There are {0} activations, which is the most.": "已有 {0} 个投放，达到上限。",
  "There is an activation {0} already.": "已有名为 {0} 的投放。",
  "There is no activation {0}.": "没有投放 {0}。",
  "Write it like sftp.example.com:22.": "请写成 sftp.example.com:22 这样的形式。",
  "ssh-keyscan HOST | ssh-keygen -lf - prints it.": "可用 ssh-keyscan HOST | ssh-keygen -lf - 查看。",
  "{0} is no format of files: google, meta, oceanengine, tencent, csv or json.":
    "{0} 不是文件格式：google、meta、oceanengine、tencent、csv 或 json。",
  "{0} is no kind of identifiers that this format takes.": "{0} 不是该格式接受的标识类型。",
  "{0} is no place to send to: file, sftp or call.": "{0} 不是发送方式：file、sftp 或 call。",
  "{0} is not the address of a server.": "{0} 不是服务器地址。",
};

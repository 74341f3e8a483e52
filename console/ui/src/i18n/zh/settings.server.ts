import type { Messages } from "../messages";

export const settings: Messages = {
  "An administrator can change your role.": "管理员可以调整你的角色。",
  "An administrator can change whom you may see.": "管理员可以调整你能看到哪些人。",
  "This is about all people, and your access is limited to some.":
    "此内容涉及所有人，而你只能查看其中一部分人。",
  "Authorization: Bearer tsk_…": "Authorization: Bearer tsk_…",
  "Make one in the console under Settings, API keys.": "请在控制台“设置 → API 密钥”中新建一个。",
  "Make someone else an administrator first.": "请先将其他人设为管理员。",
  "Name at least one scope.": "请至少选择一个权限范围。",
  "Open the console under the address that the request names as its host.":
    "请使用与请求主机一致的地址打开控制台。",
  "Revoke some that are not used.": "请撤销一些不再使用的密钥。",
  "Sign in, or send an API key.": "请登录，或提供 API 密钥。",
  "The API key is not known; it may have been revoked.": "API 密钥不存在，可能已被撤销。",
  "The Authorization header is not of the form Bearer tsk_….": "Authorization 请求头应为 Bearer tsk_…。",
  "The password is longer than {0} bytes.": "密码超过 {0} 字节。",
  "The password is too short.": "密码太短。",
  "The request comes from another site's page.": "请求来自其他网站的页面。",
  "The roles are admin, analyst, marketer, consultant, auditor and developer.":
    "可用角色：admin、analyst、marketer、consultant、auditor、developer。",
  "The scope {0} would grant it.": "权限范围 {0} 可授予此权限。",
  "The scopes are {0}, and each permission by itself.": "可用权限范围：{0}，以及每个单独的权限。",
  "There are {0} API keys already.": "已有 {0} 个 API 密钥。",
  "There is a user {0} already.": "账号 {0} 已存在。",
  "There is no API key {0}.": "API 密钥 {0} 不存在。",
  "There is no role {0}.": "角色 {0} 不存在。",
  "There is no scope {0}.": "权限范围 {0} 不存在。",
  "There is no time zone {0}.": "时区 {0} 不存在。",
  "There is no user {0}.": "账号 {0} 不存在。",
  "This API key may not do that: it lacks the permission {0}.": "此 API 密钥无权执行该操作：缺少权限 {0}。",
  "Use a name such as Asia/Shanghai.": "请使用 Asia/Shanghai 这样的名称。",
  "Use at least {0} characters; a few words are better than symbols.":
    "至少 {0} 个字符；几个词比特殊符号更好。",
  "Use three letters such as CNY.": "请使用三个字母，例如 CNY。",
  "Write keys are for the tracking API; the management API takes API keys.":
    "写入密钥用于上报接口；管理接口请使用 API 密钥。",
  "Your role {0} may not do that: it lacks the permission {1}.":
    "你的角色 {0} 无权执行该操作：缺少权限 {1}。",
  "{0} is not a currency.": "{0} 不是币种。",
  "{0} is the last administrator.": "{0} 是最后一位管理员。",
  "give several members the same limits": "请让多位成员使用相同的范围",
  "there are {0} sets of people that members are limited to, the most allowed":
    "成员可见范围已有 {0} 个，达到上限",
  "A value of {0} is empty or longer than {1} bytes.": "{0} 的某个值为空或超过 {1} 字节。",
  'An API key is nobody: "me" stands for a user.': 'API 密钥不代表任何人："me" 只能代表成员。',
  "An administrator sees everybody.": "管理员能看到所有人。",
  "Choose another role, or no limits.": "请选择其他角色，或不限制可见范围。",
  "Name 1 to {0} values of {1}.": "请为 {1} 填写 1 到 {0} 个值。",
  "null lets see everybody.": "null 表示可以看到所有人。",
  "rows.any must hold 1 to {0} conditions.": "rows.any 须包含 1 到 {0} 个条件。",
  "audit.keep: {0} is less than {1}": "audit.keep：{0} 少于 {1}",
  "get one from the settings, Audit log, or from /api/v1/audit/chain/export":
    "请从“设置 → 审计日志”或 /api/v1/audit/chain/export 导出一份",
  "line {0} of the audit log cannot be read": "无法读取审计日志的第 {0} 行",
  "put the copy of it in its place; with a new one earlier signatures are another key's":
    "请换回它的副本；换成新密钥后，先前的签名就属于另一把密钥了",
  "see to the permissions of the folder, or name another file with audit.key_file":
    "请检查该目录的权限，或用 audit.key_file 指定另一个文件",
  "the file is damaged: a line was changed by hand": "文件已损坏：有一行被手工改动过",
  "the key of the audit log, {0}, can neither be read nor made": "审计日志的密钥 {0} 既无法读取也无法创建",
  "the key of the audit log, {0}, is damaged": "审计日志的密钥 {0} 已损坏",
  "the law wants six months at least; 0 keeps entries for ever": "法律要求至少保存六个月；0 表示永久保存",
  "this is no exported audit log": "这不是导出的审计日志",
};

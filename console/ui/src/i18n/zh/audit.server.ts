import type { Messages } from "../messages";

export const audit: Messages = {
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

import type { Messages } from "../messages";

export const retention: Messages = {
  "Removing what has been kept long enough": "正在删除超过保存期限的数据",
  "a rule of retention needs a name of at most {0} bytes": "保存期限规则需要名称，最多 {0} 字节",
  "run jobs in the process with the role sink": "请在带有 sink 角色的进程中运行任务",
  "there are at most {0} rules of retention": "最多 {0} 条保存期限规则",
  "{0}: a rule is about 1 to {1} traits": "{0}：一条规则针对 1 到 {1} 个属性",
  "{0}: a rule is about events or about traits": "{0}：一条规则只能针对事件或属性",
  "{0}: names have 1 to {1} bytes": "{0}：名称为 1 到 {1} 字节",
  "{0}: something is kept for {1} to {2} days": "{0}：保存天数为 {1} 到 {2} 天",
};

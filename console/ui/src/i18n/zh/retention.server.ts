import type { Messages } from "../messages";

export const retention: Messages = {
  "Removing what has been kept long enough": "正在删除超过保存期限的数据",
  "a rule of retention needs a name of at most {0} bytes": "保存期限规则需要名称，最多 {0} 字节",
  "run jobs in the process with the role sink": "请在带有 sink 角色的进程中运行任务",
  "choose erase": "请选择删除",
  "the warehouse holds an event of the unknown type {0}": "数据仓库中有未知类型 {0} 的事件",
  "{0}: there is no such class of personal data": "{0}：没有这一类个人信息",
  "{0}: traits are a person's; without the person nothing of them is left":
    "{0}：属性属于个人，去掉个人后不剩任何内容",
  "{0}: {1} is none of erase and anonymise": "{0}：{1} 不是 erase 或 anonymise",
  "there are at most {0} rules of retention": "最多 {0} 条保存期限规则",
  "{0}: a rule is about 1 to {1} traits": "{0}：一条规则针对 1 到 {1} 个属性",
  "{0}: a rule is about events or about traits": "{0}：一条规则只能针对事件或属性",
  "{0}: names have 1 to {1} bytes": "{0}：名称为 1 到 {1} 字节",
  "{0}: something is kept for {1} to {2} days": "{0}：保存天数为 {1} 到 {2} 天",
  "a call names at most {0} persons": "一次调用最多指定 {0} 人",
  "a hold is on persons or on a segment, one of the two": "保全只能针对若干人或一个人群，二选一",
  "a hold names at most {0} identifiers": "一项保全最多指定 {0} 个标识",
  "a hold needs a reason": "保全需要写明理由",
  "lift those that are not needed any more, or hold a segment": "请先解除不再需要的保全，或改为保全一个人群",
  "put the persons in a segment and hold that": "请把这些人放入一个人群，再保全该人群",
  "say which case or authority asks for it: it is shown to whoever wants to erase":
    "请写明案件或要求保全的机关：想要删除数据的人会看到它",
  "the hold has been lifted already": "该保全已被解除",
  "the hold would have ended already": "该保全的截止时间已过",
  "the reason has more than {0} characters": "理由超过 {0} 个字符",
  "there are {0} holds already": "已有 {0} 项保全",
  "there is no hold {0}": "没有保全 {0}",
};

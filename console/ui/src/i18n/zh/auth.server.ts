import type { Messages } from "../messages";

export const auth: Messages = {
  "Only a user who is signed in has a password.": "只有已登录的账号才有密码。",
  "The current password is wrong.": "当前密码不正确。",
  "The e-mail or the password is wrong.": "邮箱或密码不正确。",
  "The server printed it when it started; a restart prints a new one.":
    "服务器启动时会打印它；重启后会打印新的。",
  "The setup token is wrong.": "初始化令牌不正确。",
  "Too many attempts to sign in.": "登录尝试过于频繁。",
  "Wait a little and try again.": "请稍候重试。",
  "{0} is not an e-mail address.": "{0} 不是邮箱地址。",
};

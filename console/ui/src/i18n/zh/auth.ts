export const auth = {
  signIn: {
    title: "登录",
    email: "邮箱",
    password: "密码",
    submit: "登录",
    wrong: "邮箱或密码不正确。",
    tooMany: "尝试次数过多，请在 {{when}}后再试。",
    forgot: "忘记密码？管理员可以在设置里为你重设。",
  },
  setup: {
    title: "欢迎使用 Touchstone",
    about: "创建第一个管理员账号。这个页面只能用一次。",
    token: "初始化令牌",
    tokenHint: "服务启动时打印在终端或日志里。",
    email: "邮箱",
    password: "密码",
    passwordHint: "至少 {{n}} 个字符。用几个词组成一句话，好记也安全。",
    submit: "创建管理员",
    done: "已经有管理员了。",
  },
  motto: "一试见真金：认清你的用户，预见他们的下一步。",
};

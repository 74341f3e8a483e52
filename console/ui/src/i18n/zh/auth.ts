export const auth = {
  signIn: {
    title: "登录",
    email: "邮箱",
    password: "密码",
    submit: "登录",
    wrong: "邮箱或密码错误。",
    tooMany: "尝试次数过多，请在 {{when}}后重试。",
    forgot: "忘记密码？请联系管理员在“设置”中重设。",
  },
  setup: {
    title: "欢迎使用 Touchstone",
    about: "创建首个管理员账号。此页面仅可使用一次。",
    token: "初始化令牌",
    tokenHint: "服务启动时输出在终端或日志中。",
    email: "邮箱",
    password: "密码",
    passwordHint: "至少 {{n}} 个字符，建议使用几个词组成的短句，好记又安全。",
    submit: "创建管理员",
    done: "管理员账号已存在。",
  },
  motto: "一试见真金：认清你的用户，预见他们的下一步。",
};

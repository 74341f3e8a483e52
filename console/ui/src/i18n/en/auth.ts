export const auth = {
  signIn: {
    title: "Sign in",
    email: "E-mail",
    password: "Password",
    submit: "Sign in",
    wrong: "E-mail or password is wrong.",
    tooMany: "Too many attempts. Try again in {{when}}.",
    forgot: "Forgot your password? An administrator can set a new one under Settings.",
  },
  setup: {
    title: "Welcome to Touchstone",
    about: "Create the first administrator. This page works once.",
    token: "Setup token",
    tokenHint: "The server printed it when it started; look at its terminal or log.",
    email: "E-mail",
    password: "Password",
    passwordHint: "At least {{n}} characters. A phrase of a few words is easy to keep.",
    submit: "Create administrator",
    done: "An administrator already exists.",
  },
  motto: "Tell gold from stone: who your customers are, and what they do next.",
};

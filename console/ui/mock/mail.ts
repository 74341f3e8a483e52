import type { components } from "../src/api/schema";
import { type Asked, ago } from "./server.ts";

type Mail = components["schemas"]["Mail"];

const queue = (address: string, more: Partial<Mail["queues"][number]> = {}): Mail["queues"][number] => ({
  address,
  waiting: 0,
  dead_letters: 0,
  delivered: 0,
  failures: 0,
  delivered_at: null,
  failed_at: null,
  error: "",
  ...more,
});

let mail: Mail = {
  on: true,
  host: "smtp.example.com",
  port: 587,
  security: "starttls",
  user: "alarms@example.com",
  has_password: true,
  from: "Touchstone <alarms@example.com>",
  recipients: [
    { address: "data@example.com", language: "zh" },
    { address: "oncall@example.com", language: "en" },
  ],
  closures: true,
  console_url: "https://cdp.example.com",
  queues: [
    queue("data@example.com", { delivered: 12, delivered_at: ago(0.01) }),
    queue("oncall@example.com", {
      failures: 3,
      dead_letters: 1,
      failed_at: ago(0.02),
      error: "The mail server refuses the address: 550.",
      error_text: { template: "The mail server refuses the address: {0}.", params: ["550"] },
    }),
  ],
};

export function answerMail({ method, path, body }: Asked): unknown {
  if (path[0] === "test")
    return {
      items: mail.recipients.map((r) => ({ address: r.address, ok: true, error: "" })),
      next_cursor: "",
    };
  if (method === "PUT") {
    const { password, ...rest } = body;
    const recipients: Mail["recipients"] = rest.recipients;
    mail = { ...mail, ...rest, has_password: rest.user !== "" && (mail.has_password || !!password) };
    mail.queues = recipients.map((r) => mail.queues.find((q) => q.address === r.address) ?? queue(r.address));
  }
  return mail;
}

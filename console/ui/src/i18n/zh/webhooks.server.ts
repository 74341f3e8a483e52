import type { Messages } from "../messages";

export const webhooks: Messages = {
  '"*" stands for all of them.': '"*" 代表全部人群。',
  "A webhook has at most {0} headers of its own.": "一个 Webhook 最多有 {0} 个自定义请求头。",
  "A webhook makes 1 to {0} calls at a time, not {1}.": "Webhook 的并发请求数为 1 到 {0}，不能是 {1}。",
  "A webhook needs 1 to {0} segments.": "Webhook 需要选择 1 到 {0} 个人群。",
  "A webhook needs a name of at most {0} bytes.": "Webhook 需要名称，最长 {0} 字节。",
  "A webhook needs something to tell: {0}.": "Webhook 至少要通知一种变化：{0}。",
  "Allow its network with webhooks.allow_networks if it is meant.":
    "如确需调用，请用 webhooks.allow_networks 允许该网段。",
  "Choose another name.": "请换一个名称。",
  "Delete one that is not needed.": "请删除不再需要的。",
  "Enter the address that it leads to.": "请填写重定向后的最终地址。",
  'Give either "ids" or "all".': '请提供 "ids" 或 "all" 之一。',
  "It tells {0}.": "它可通知 {0}。",
  "Send it in a header instead.": "请改用请求头发送。",
  "The address has a part behind #, which is never sent.": "地址中 # 之后的部分不会被发送。",
  "The address holds a user or a password, which would be in every log.":
    "地址中含有用户名或密码，会出现在各处日志中。",
  "The address {0} is inside of a private network, where webhooks do not call.":
    "地址 {0} 属于内网，Webhook 不会调用。",
  "The calls per second must be between 0 (no limit) and {0}.": "每秒请求数须在 0（不限）到 {0} 之间。",
  "The header {0} has no value.": "请求头 {0} 没有值。",
  "The header {0} is set by Touchstone itself.": "请求头 {0} 由 Touchstone 自行设置。",
  "The old secret can go on for at most {0} days.": "旧密钥最多可继续使用 {0} 天。",
  "The receiver answered {0}.": "接收方返回 {0}。",
  "The receiver answered {0}: it wants no more calls.": "接收方返回 {0}：不再接收通知。",
  "The receiver answered {0}: redirects are not followed.": "接收方返回 {0}：不会跟随重定向。",
  "The receiver cannot be reached: {0}.": "无法连接接收方：{0}。",
  "The receiver did not answer in time.": "接收方未及时响应。",
  "The value of the header {0} cannot be sent.": "请求头 {0} 的值无法发送。",
  "There are {0} webhooks, which is the most.": "已有 {0} 个 Webhook，达到上限。",
  "There is a webhook named {0} already.": "已有名为 {0} 的 Webhook。",
  "There is no segment {0}.": "没有人群 {0}。",
  "There is no webhook {0}.": "没有 Webhook {0}。",
  "Write it like https://example.com/hooks/segments.": "请写成 https://example.com/hooks/segments 的形式。",
  "{0} does not say how identifiers are sent: none, masked or full.":
    "{0} 不是标识的发送方式：可选 none、masked 或 full。",
  "{0} is not a port.": "{0} 不是有效端口。",
  "{0} is not an address that can be called.": "{0} 不是可调用的地址。",
  "{0} is not the name of a header.": "{0} 不是有效的请求头名称。",
  "{0} is nothing that a webhook tells.": "{0} 不是 Webhook 可通知的内容。",
};

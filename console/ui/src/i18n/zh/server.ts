import type { Messages } from "../messages";
import { analytics } from "./analytics.server";
import { auth } from "./auth.server";
import { collect } from "./collect.server";
import { common } from "./common.server";
import { condition } from "./condition.server";
import { consent } from "./consent.server";
import { households } from "./households.server";
import { importFile } from "./importFile.server";
import { jobs } from "./jobs.server";
import { linkage } from "./linkage.server";
import { operate } from "./operate.server";
import { people } from "./people.server";
import { plans } from "./plans.server";
import { privacy } from "./privacy.server";
import { quality } from "./quality.server";
import { retention } from "./retention.server";
import { segments } from "./segments.server";
import { settings } from "./settings.server";
import { webhooks } from "./webhooks.server";

/**
 * The server's messages by their English templates (messages.json lists them), one file per part of the console, beside
 * its other texts. A message that several parts may meet stands in common.
 */
export const serverTexts: Readonly<Record<string, Messages>> = {
  analytics,
  auth,
  collect,
  common,
  condition,
  consent,
  households,
  importFile,
  jobs,
  linkage,
  operate,
  people,
  plans,
  privacy,
  quality,
  retention,
  segments,
  settings,
  webhooks,
  "a copy into {0} has not finished": "向 {0} 的复制尚未完成",
  "leave --encryption-key-file out; an encrypted copy of a folder is made with: touchstone encryption copy":
    "请去掉 --encryption-key-file；如需加密副本，请运行：touchstone encryption copy",
  "run touchstone encryption copy again: it begins anew":
    "请重新运行 touchstone encryption copy，它会从头开始",
};

const messages: Messages = Object.assign({}, ...Object.values(serverTexts));
export default messages;

import type { Messages } from "../messages";
import { analytics } from "./analytics.server";
import { audience } from "./audience.server";
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
import { stages } from "./stages.server";
import { tags } from "./tags.server";
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
  segments: { ...segments, ...audience },
  settings,
  stages,
  tags,
  webhooks,
};

const messages: Messages = Object.assign({}, ...Object.values(serverTexts));
export default messages;

import { analytics } from "./en/analytics";
import { auth } from "./en/auth";
import { collect } from "./en/collect";
import { common } from "./en/common";
import { condition } from "./en/condition";
import { consent } from "./en/consent";
import { explorer } from "./en/explorer";
import { households } from "./en/households";
import { importFile } from "./en/importFile";
import { jobs } from "./en/jobs";
import { lineage } from "./en/lineage";
import { linkage } from "./en/linkage";
import { operate } from "./en/operate";
import { overview } from "./en/overview";
import { people } from "./en/people";
import { plans } from "./en/plans";
import { privacy } from "./en/privacy";
import { quality } from "./en/quality";
import { register } from "./en/register";
import { retention } from "./en/retention";
import { sales } from "./en/sales";
import { segments } from "./en/segments";
import { settings } from "./en/settings";
import { stages } from "./en/stages";
import { tags } from "./en/tags";
import { webhooks } from "./en/webhooks";

/** The English texts, one file per part of the console. zh.ts has the same keys (i18n.test.ts compares them). */
export const en = {
  ...common,
  auth,
  overview,
  collect,
  consent,
  explorer,
  households,
  importFile,
  people,
  plans,
  privacy,
  quality,
  lineage,
  linkage,
  condition,
  register,
  retention,
  sales,
  segments,
  stages,
  tags,
  analytics,
  jobs,
  operate,
  settings,
  webhooks,
};

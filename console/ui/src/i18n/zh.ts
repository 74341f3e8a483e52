import { analytics } from "./zh/analytics";
import { auth } from "./zh/auth";
import { collect } from "./zh/collect";
import { common } from "./zh/common";
import { condition } from "./zh/condition";
import { consent } from "./zh/consent";
import { explorer } from "./zh/explorer";
import { households } from "./zh/households";
import { importFile } from "./zh/importFile";
import { jobs } from "./zh/jobs";
import { lineage } from "./zh/lineage";
import { linkage } from "./zh/linkage";
import { operate } from "./zh/operate";
import { overview } from "./zh/overview";
import { people } from "./zh/people";
import { plans } from "./zh/plans";
import { privacy } from "./zh/privacy";
import { quality } from "./zh/quality";
import { register } from "./zh/register";
import { retention } from "./zh/retention";
import { sales } from "./zh/sales";
import { segments } from "./zh/segments";
import { settings } from "./zh/settings";
import { stages } from "./zh/stages";
import { tags } from "./zh/tags";
import { webhooks } from "./zh/webhooks";

export const zh = {
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

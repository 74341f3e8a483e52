import { analytics } from "./pages/analytics/feature";
import { collect } from "./pages/collect/feature";
import { consent } from "./pages/consent/feature";
import { households } from "./pages/households/feature";
import { jobs } from "./pages/jobs/feature";
import { linkage } from "./pages/linkage/feature";
import { operate } from "./pages/operate/feature";
import { overview } from "./pages/overview/feature";
import { people } from "./pages/people/feature";
import { plans } from "./pages/plans/feature";
import { privacy } from "./pages/privacy/feature";
import { quality } from "./pages/quality/feature";
import { retention } from "./pages/retention/feature";
import { sales } from "./pages/sales/feature";
import { segments } from "./pages/segments/feature";
import { settings } from "./pages/settings/feature";
import { stages } from "./pages/stages/feature";
import { tags } from "./pages/tags/feature";
import { webhooks } from "./pages/webhooks/feature";

/**
 * The parts of the console, in the order of the loop: what comes in, who it is, which groups they form, what it means,
 * what is done about it; what people may ask of us; then what keeps it going.
 * Navigation, palette, keys, routes and guards come from this list.
 */
export const features = [
  overview,
  collect,
  plans,
  quality,
  people,
  households,
  linkage,
  segments,
  tags,
  stages,
  analytics,
  sales,
  webhooks,
  consent,
  privacy,
  retention,
  jobs,
  operate,
  settings,
] as const;

/** Written out, so that links are checked against each route's own type. features.test.ts compares the two. */
export const routes = [
  ...overview.routes,
  ...collect.routes,
  ...plans.routes,
  ...quality.routes,
  ...people.routes,
  ...households.routes,
  ...linkage.routes,
  ...segments.routes,
  ...tags.routes,
  ...stages.routes,
  ...analytics.routes,
  ...sales.routes,
  ...webhooks.routes,
  ...consent.routes,
  ...privacy.routes,
  ...retention.routes,
  ...jobs.routes,
  ...operate.routes,
  ...settings.routes,
] as const;

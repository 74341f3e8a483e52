import type { SourceKind } from "@/api/types";
import { formatJson } from "@/lib/json";

export interface Snippet {
  key: string;
  label: string;
  install?: string;
  code: string;
}

/** Code to paste, with the real host and key, for what sources of a kind mostly are; the likeliest first. */
export function snippets(kind: SourceKind, origin: string, writeKey: string, name: string): Snippet[] {
  const at: Place = { origin, key: writeKey, name };
  const curl = (body: object, path = "track") => ({
    key: "curl",
    label: "curl",
    code: curlCall(at, path, body),
  });
  switch (kind) {
    case "web":
      return [browser(at), curl(viewed)];
    case "app":
      return [ios(at), android(at), curl(viewed)];
    case "mini_program":
      return [miniProgram(at), curl(openidEvent)];
    case "official_account":
      return [curl(openidEvent), nodeFetch(at, openidEvent), python(at)];
    case "community":
      return [curl(communityEvent), nodeFetch(at, communityEvent), python(at)];
    case "store":
      return [curl(storeEvent), nodeFetch(at, storeEvent), importer(at)];
    case "call_center":
      return [curl(callEvent), nodeFetch(at, callEvent), importer(at)];
    case "device":
      return [bufferedPython(at), curl({ batch: [deviceEvent] }, "batch"), go(at)];
    case "import":
      return [importer(at)];
    default:
      return [node(at), go(at), python(at), curl(viewed)];
  }
}

interface Place {
  origin: string;
  key: string;
  /** Of the source. */
  name: string;
}

const viewed = { userId: "u-1001", event: "Model Viewed", properties: { model: "Aurora" } };
const external = (type: string, id: string) => [{ id, type, collection: "users" }];
const openidEvent = {
  event: "Menu Clicked",
  properties: { menu: "test-drive" },
  context: { externalIds: external("openid", "oX4b5example-openid") },
};
const communityEvent = {
  event: "Group Joined",
  properties: { group: "Shanghai owners" },
  context: { externalIds: external("unionid", "o6_bmexample-unionid") },
};
const storeEvent = {
  event: "Order Completed",
  properties: { order_id: "o-77", amount: 239000, store: "Xuhui" },
  context: { traits: { phone: "+8613800138001", name: "Li Na" } },
};
const callEvent = {
  event: "Call Finished",
  properties: { direction: "in", seconds: 214, topic: "test drive" },
  context: { traits: { phone: "+8613800138001" } },
};
const deviceEvent = {
  type: "track",
  event: "Trip Finished",
  timestamp: "2026-01-31T08:30:00Z",
  messageId: "trip-42",
  properties: { km: 12.4, minutes: 26 },
  context: { device: { id: "tbox-0001" }, externalIds: external("vin", "LSVAU2A37N2000001") },
};

/** A value as the source of a program: short enough to read, in JSON. */
const literal = (value: unknown, indent = 0) =>
  formatJson(value, 2).replaceAll("\n", `\n${" ".repeat(indent)}`);

const browser = ({ origin, key }: Place): Snippet => ({
  key: "js",
  label: "JavaScript",
  install: "npm install @segment/analytics-next",
  code: `import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({
  writeKey: "${key}",
  cdnURL: "${origin}",
});

analytics.page();
analytics.identify("u-1001", { name: "Li Na", city: "Shanghai" });
analytics.track("Model Viewed", { model: "Aurora", price: 239000 });`,
});

// The mobile libraries put https:// before the hosts that they are given.
const hostOf = (origin: string) => origin.replace(/^https?:\/\//, "");

const ios = ({ origin, key }: Place): Snippet => ({
  key: "ios",
  label: "iOS (Swift)",
  install: "https://github.com/segmentio/analytics-swift",
  code: `import Segment

let analytics = Analytics(configuration: Configuration(writeKey: "${key}")
    .apiHost("${hostOf(origin)}/v1")
    .cdnHost("${hostOf(origin)}/v1")
    .trackApplicationLifecycleEvents(true))

analytics.identify(userId: "u-1001", traits: ["name": "Li Na", "city": "Shanghai"])
analytics.screen(title: "Garage")
analytics.track(name: "Model Viewed", properties: ["model": "Aurora"])`,
});

const android = ({ origin, key }: Place): Snippet => ({
  key: "android",
  label: "Android (Kotlin)",
  install: 'implementation("com.segment.analytics.kotlin:android:+")',
  code: `import com.segment.analytics.kotlin.android.Analytics
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

val analytics = Analytics("${key}", applicationContext) {
    apiHost = "${hostOf(origin)}/v1"
    cdnHost = "${hostOf(origin)}/v1"
    trackApplicationLifecycleEvents = true
}

analytics.identify("u-1001", buildJsonObject { put("city", "Shanghai") })
analytics.screen("Garage")
analytics.track("Model Viewed", buildJsonObject { put("model", "Aurora") })`,
});

const miniProgram = ({ origin, key }: Place): Snippet => ({
  key: "mini",
  label: "JavaScript",
  install: `curl -o utils/touchstone.js ${origin}/sdk/touchstone-miniprogram.js`,
  code: `// app.js
const analytics = require('./utils/touchstone.js')

App({
  onLaunch() {
    analytics.init({ host: '${origin}', writeKey: '${key}' })
  },
})

// onShow
analytics.page('Model', { model: 'Aurora' })
analytics.track('Test Drive Booked', { store: 'Xuhui' })

// wx.login
analytics.ids({ openid: 'oX4b5example-openid', unionid: 'o6_bmexample-unionid' })
analytics.identify('u-1001', { name: 'Li Na' })`,
});

const node = ({ origin, key }: Place): Snippet => ({
  key: "node",
  label: "Node.js",
  install: "npm install @segment/analytics-node",
  code: `import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "${key}", host: "${origin}" });

analytics.identify({ userId: "u-1001", traits: { name: "Li Na", city: "Shanghai" } });
analytics.track({
  userId: "u-1001",
  event: "Order Completed",
  properties: { order_id: "o-77", amount: 239000, currency: "CNY" },
});
await analytics.closeAndFlush();`,
});

/** Without a library: those of Segment insist on a userId or an anonymousId. */
const nodeFetch = ({ origin, key }: Place, body: object): Snippet => ({
  key: "node",
  label: "Node.js",
  code: `const response = await fetch("${origin}/v1/track", {
  method: "POST",
  headers: {
    Authorization: "Bearer ${key}",
    "Content-Type": "application/json",
  },
  body: JSON.stringify(${literal(body, 2)}),
});
if (!response.ok) throw new Error(await response.text());`,
});

const go = ({ origin, key }: Place): Snippet => ({
  key: "go",
  label: "Go",
  install: "go get github.com/segmentio/analytics-go/v3",
  code: `client, err := analytics.NewWithConfig("${key}", analytics.Config{
	Endpoint: "${origin}",
})
if err != nil {
	return err
}
defer client.Close()

err = client.Enqueue(analytics.Track{
	UserId: "u-1001",
	Event:  "Order Completed",
	Properties: analytics.NewProperties().
		Set("order_id", "o-77").
		Set("amount", 239000),
})`,
});

const python = ({ origin, key }: Place): Snippet => ({
  key: "python",
  label: "Python",
  install: "pip install segment-analytics-python",
  code: `import segment.analytics as analytics

analytics.write_key = "${key}"
analytics.host = "${origin}"

analytics.identify("u-1001", {"name": "Li Na", "city": "Shanghai"})
analytics.track("u-1001", "Order Completed", {"order_id": "o-77", "amount": 239000})
analytics.flush()`,
});

/** What is often offline: events wait in a file until the server has answered that it has them. */
const bufferedPython = ({ origin, key }: Place): Snippet => ({
  key: "python",
  label: "Python",
  code: `import datetime, json, os, urllib.request, uuid

QUEUE = "touchstone-queue.jsonl"

def track(event, properties):
    line = {
        "type": "track",
        "event": event,
        "messageId": str(uuid.uuid4()),
        "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "properties": properties,
        "context": {
            "device": {"id": "tbox-0001"},
            "externalIds": [{"id": "LSVAU2A37N2000001", "type": "vin", "collection": "users"}],
        },
    }
    with open(QUEUE, "a") as f:
        f.write(json.dumps(line) + "\\n")

def flush():
    while os.path.exists(QUEUE):
        with open(QUEUE) as f:
            lines = f.readlines()
        request = urllib.request.Request(
            "${origin}/v1/batch",
            json.dumps({"batch": [json.loads(x) for x in lines[:200]]}).encode(),
            {"Authorization": "Bearer ${key}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30)  # raises while offline: the file stays
        with open(QUEUE + ".rest", "w") as f:
            f.writelines(lines[200:])
        if lines[200:]:
            os.replace(QUEUE + ".rest", QUEUE)
        else:
            os.remove(QUEUE + ".rest")
            os.remove(QUEUE)

track("Trip Finished", {"km": 12.4, "minutes": 26})
flush()`,
});

const importer = ({ origin, name }: Place): Snippet => ({
  key: "import",
  label: "touchstone import",
  install: "touchstone import orders.csv --guess > mapping.yaml",
  code: importCommand(origin, false, shellWord(name)),
});

/** A word of a shell, whatever it holds. */
const shellWord = (s: string) => (/^[\w.-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`);

function curlCall({ origin, key }: Pick<Place, "origin" | "key">, path: string, body: object): string {
  return `curl ${origin}/v1/${path} \\
  -u ${key}: \\
  -H 'Content-Type: application/json' \\
  -d '${formatJson(body, 1).replace(/\n\s*/g, " ")}'`;
}

/** The shortest way to send an event. */
export const curlSnippet = (origin: string, writeKey: string): string =>
  curlCall({ origin, key: writeKey }, "track", viewed);

export const mappingExample = `format: csv                     # csv | ndjson | parquet
type: track
event: Product Purchased        # or {column: EventName}
time: {column: InvoiceDate, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers:                    # empty cells are left out; a row needs at least one
  user_id: CustomerID
  phone: Mobile
properties:
  sku: StockCode
  quantity: {column: Quantity, type: number}
  price: {column: UnitPrice, type: number}
`;

export function importCommand(origin: string, dryRun: boolean, source = "orders"): string {
  return `touchstone import orders.csv.gz --mapping mapping.yaml --source ${source}${dryRun ? " --dry-run" : ""} \\
  --server ${origin}`;
}

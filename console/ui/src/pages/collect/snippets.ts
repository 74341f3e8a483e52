import type { SourceKind } from "@/api/types";

export interface Snippet {
  key: string;
  label: string;
  install?: string;
  code: string;
}

/** Code to paste, with the real host and key: the official Segment SDKs, pointed at this server. */
export function snippets(origin: string, writeKey: string): Snippet[] {
  return [
    {
      key: "js",
      label: "JavaScript",
      install: "npm install @segment/analytics-next",
      code: `import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({
  writeKey: "${writeKey}",
  cdnURL: "${origin}",
});

analytics.page();
analytics.identify("u-1001", { name: "Li Na", city: "Shanghai" });
analytics.track("Model Viewed", { model: "Aurora", price: 239000 });`,
    },
    {
      key: "node",
      label: "Node.js",
      install: "npm install @segment/analytics-node",
      code: `import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "${writeKey}", host: "${origin}" });

analytics.identify({ userId: "u-1001", traits: { name: "Li Na", city: "Shanghai" } });
analytics.track({
  userId: "u-1001",
  event: "Order Completed",
  properties: { order_id: "o-77", amount: 239000, currency: "CNY" },
});
await analytics.closeAndFlush();`,
    },
    {
      key: "go",
      label: "Go",
      install: "go get github.com/segmentio/analytics-go/v3",
      code: `client, err := analytics.NewWithConfig("${writeKey}", analytics.Config{
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
    },
    {
      key: "python",
      label: "Python",
      install: "pip install segment-analytics-python",
      code: `import segment.analytics as analytics

analytics.write_key = "${writeKey}"
analytics.host = "${origin}"

analytics.identify("u-1001", {"name": "Li Na", "city": "Shanghai"})
analytics.track("u-1001", "Order Completed", {"order_id": "o-77", "amount": 239000})
analytics.flush()`,
    },
    { key: "curl", label: "curl", code: curlSnippet(origin, writeKey) },
  ];
}

export function curlSnippet(origin: string, writeKey: string): string {
  return `curl ${origin}/v1/track \\
  -u ${writeKey}: \\
  -H 'Content-Type: application/json' \\
  -d '{"userId": "u-1001", "event": "Model Viewed", "properties": {"model": "Aurora"}}'`;
}

/** Which snippet a kind of source most likely needs first. */
export function firstSnippet(kind: SourceKind): string {
  switch (kind) {
    case "web":
    case "mini_program":
      return "js";
    case "app":
    case "server":
    case "store":
      return "node";
    case "device":
      return "go";
    default:
      return "curl";
  }
}

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

export function importCommand(origin: string, dryRun: boolean): string {
  return `touchstone import orders.csv.gz --mapping mapping.yaml --source orders${dryRun ? " --dry-run" : ""} \\
  --server ${origin}`;
}

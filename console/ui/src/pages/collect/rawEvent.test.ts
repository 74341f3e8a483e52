import { expect, it } from "vitest";
import { eventNameOf, liveIdentifiers, liveName, parseEvent } from "./rawEvent";
import { curlSnippet, snippets } from "./snippets";
import { sourceStatus } from "./sourceStatus";

it("finds a name in broken events", () => {
  expect(eventNameOf({ type: "track", event: "Order" })).toBe("Order");
  expect(eventNameOf({ type: "page", name: "Home" })).toBe("Home");
  expect(eventNameOf({ type: "identify", event: 5 })).toBe("identify");
  expect(eventNameOf('{"type":"track","event":"Order","properties":{"a":NaN}}')).toBe("Order");
  expect(eventNameOf('{"type":"page",')).toBe("page");
  for (const x of [null, "text", 3, [], {}]) expect(eventNameOf(x)).toBeNull();
});

it("says of a refused event what it is called and who it is of, also when it is no JSON", () => {
  const text = '{"type":"track","event":"Order","userId":"u-1","anonymousId":"a-1","properties":{"a":NaN}}';
  const none = { event: "", rejected: true, identifiers: [], user_id: "", anonymous_id: "" };
  expect(liveName({ ...none, raw: text })).toBe("Order");
  expect(liveIdentifiers({ ...none, raw: text })).toEqual([
    { kind: "user_id", value: "u-1" },
    { kind: "anonymous_id", value: "a-1" },
  ]);
  expect(liveIdentifiers({ ...none, raw: '{"userId":7' })).toEqual([]);
  expect(liveIdentifiers({ ...none, user_id: "u-2", raw: text })).toEqual([
    { kind: "user_id", value: "u-2" },
  ]);
  expect(liveName({ ...none, rejected: false, raw: null })).toBe("");
});

it("reads an edited event", () => {
  expect(parseEvent('{"a":1}')).toEqual({ event: { a: 1 } });
  for (const x of ["", "[1]", "null", '{"a":', '"x"']) expect(parseEvent(x)).toHaveProperty("error");
});

it("puts the real host and key into every snippet", () => {
  const kinds = [
    "web",
    "app",
    "server",
    "mini_program",
    "official_account",
    "community",
    "store",
    "call_center",
    "device",
    "import",
  ] as const;
  for (const kind of kinds) {
    const all = snippets(kind, "https://cdp.example.com:8443", "wk_abc", "Tom's shop");
    expect(all.length, kind).toBeGreaterThan(0);
    expect(new Set(all.map((s) => s.key)).size, kind).toBe(all.length);
    for (const s of all) {
      expect(s.code, `${kind} ${s.key}`).toContain("cdp.example.com:8443");
      // An import is done with an API key, into the source by its name.
      expect(s.code, `${kind} ${s.key}`).toContain(
        s.key === "import" ? `--source 'Tom'\\''s shop'` : "wk_abc",
      );
      const body = s.key === "curl" ? /-d '(.*)'$/s.exec(s.code)?.[1] : "{}";
      expect(() => JSON.parse(body ?? ""), `${kind} ${s.key}`).not.toThrow();
    }
  }
  expect(curlSnippet("http://localhost:8080", "wk_abc")).toContain("http://localhost:8080/v1/track");
});

it("says whether a source sends", () => {
  const now = Date.parse("2026-01-31T00:00:00Z");
  const at = (s: number) => new Date(now - s * 1000).toISOString();
  expect(sourceStatus({ enabled: false, last_event_at: at(1) }, now)).toBe("disabled");
  expect(sourceStatus({ enabled: true, last_event_at: null }, now)).toBe("never");
  expect(sourceStatus({ enabled: true, last_event_at: at(10) }, now)).toBe("receiving");
  expect(sourceStatus({ enabled: true, last_event_at: at(600) }, now)).toBe("quiet");
});

import { describe, expect, it } from "vitest";
import { createFormat, zoneOffset } from "./format";

const zh = createFormat("zh-CN", "Asia/Shanghai");
const en = createFormat("en", "Asia/Shanghai");
const t = "2026-01-31T16:30:05.123Z"; // 1 February, 00:30 in Shanghai

describe("numbers", () => {
  it.each([
    [0, "0", "0"],
    [1, "1", "1"],
    [9_999, "9,999", "9,999"],
    [12_345, "1.2万", "12.3K"],
    [1_000_000_000, "10亿", "1B"],
    [-54_321, "-5.4万", "-54.3K"],
  ])("compact %d", (n, z, e) => {
    expect(zh.compact(n)).toBe(z);
    expect(en.compact(n)).toBe(e);
  });
  it("keeps all digits of integers beyond 2^53", () => {
    expect(en.num(9007199254740993n)).toBe("9,007,199,254,740,993");
    expect(zh.num(-9223372036854775808n, 6)).toBe("-9,223,372,036,854,775,808");
    expect(zh.compact(9007199254740993n)).toBe("9,007.2万亿");
  });
  it("says – for what is not known", () => {
    for (const f of [en.num, en.compact, en.percent, en.bytes, en.duration]) {
      expect(f(null)).toBe("–");
      expect(f(Number.NaN)).toBe("–");
    }
  });
  it("percent and bytes", () => {
    expect(en.percent(0.1234)).toBe("12.3%");
    expect([0.05, 0, -0.042].map(en.change)).toEqual(["+5%", "0%", "\u22124%"]);
    expect(en.axis(5000)).toBe("5K");
    expect(zh.axis(5000)).toBe("5,000");
    expect(en.bytes(999)).toBe("999 B");
    expect(en.bytes(1_540_000)).toBe("1.5 MB");
    expect(en.bytes(0)).toBe("0 B");
  });
});

describe("durations", () => {
  it.each([
    [0.0004, "0 ms", "0 毫秒"],
    [0.12, "120 ms", "120 毫秒"],
    [1.25, "1.3 s", "1.3 秒"],
    [60, "1 min", "1 分钟"],
    [59.97, "1 min", "1 分钟"],
    [200, "3 min 20 s", "3 分钟 20 秒"],
    [7320, "2 h 2 min", "2 小时 2 分钟"],
    [187_200, "2 d 4 h", "2 天 4 小时"],
  ])("%d s", (s, e, z) => {
    expect(en.duration(s)).toBe(e);
    expect(zh.duration(s)).toBe(z);
  });
});

describe("times", () => {
  it("uses the workspace's zone, not the browser's", () => {
    expect(en.dayKey(t)).toBe("2026-02-01");
    expect(en.dateTime(t)).toBe("1 Feb 2026, 00:30:05");
    expect(zh.dateTime(t)).toBe("2026年2月1日 00:30:05");
    expect(en.time(t)).toBe("00:30:05");
  });
  it("falls back to UTC when the zone is unknown", () => {
    expect(createFormat("en", "Mars/Olympus").dayKey(t)).toBe("2026-01-31");
  });
  it("names the year only when it is another one", () => {
    expect(en.day(t, Date.parse("2026-06-01T00:00:00Z"))).not.toContain("2026");
    expect(en.day(t, Date.parse("2027-06-01T00:00:00Z"))).toContain("2026");
  });
  it("is relative, and never in the future by a clock's error", () => {
    const now = Date.parse(t);
    expect(en.relative(t, now - 2000)).toBe("just now");
    expect(en.relative(t, now + 59_000)).toBe("59 seconds ago");
    expect(en.relative(t, now + 3_600_000 * 25)).toBe("yesterday");
    expect(zh.relative(t, now + 300_000)).toBe("5 分钟前");
    expect(zh.relative(t, now + 86_400_000 * 65)).toBe("2 个月前");
    expect(en.relative("nonsense")).toBe("–");
  });
  it("names the offset of a zone", () => {
    expect(zoneOffset("Asia/Shanghai")).toBe("GMT+8");
  });
});

it("writes money of the workspace's currency", () => {
  expect(createFormat("zh-CN", "UTC").money(239000, "CNY")).toBe("¥239,000");
  expect(createFormat("zh-CN", "UTC").money(239000, "CNY", true)).toBe("¥23.9万");
  expect(createFormat("en", "UTC").money(1234.5, "EUR")).toBe("€1,234.5");
  expect(createFormat("en", "UTC").money(0, "USD", true)).toBe("$0");
  expect(createFormat("en", "UTC").money(undefined, "USD")).toBe("–");
});

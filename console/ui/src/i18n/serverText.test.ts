import { expect, it } from "vitest";
import listed from "./messages.json";
import { sayText, takeApart } from "./serverText";
import { zh as texts } from "./zh";
import zh, { serverTexts } from "./zh/server";

const places = (s: string) => [...s.matchAll(/\{\d+\}/g)].map((m) => m[0]).sort();

it("says messages within messages", () => {
  const text = {
    template: "{0}: {1}",
    params: ["steps.1", { template: "has {0} of {1}", params: ["3", "{0}"] }],
  };
  expect(sayText(text, {})).toBe("steps.1: has 3 of {0}");
  expect(sayText(text, { "has {0} of {1}": "{1} 中有 {0}" })).toBe("steps.1: {0} 中有 3");
});

it("has every message of the server in Chinese, with the same places in it", () => {
  // They belong in zh/<part>.server.ts, of the part of the console that shows them.
  expect(listed.filter((m) => !(m in zh))).toEqual([]);
  for (const [en, text] of Object.entries(zh)) expect(places(text), en).toEqual(places(en));
});

it("has each message in one file, which stands beside other texts of its part", () => {
  const parts = Object.values(serverTexts).flatMap((part) => Object.keys(part));
  expect(parts.filter((m, i) => parts.indexOf(m) !== i)).toEqual([]);
  for (const part of Object.keys(serverTexts)) expect(["common", ...Object.keys(texts)]).toContain(part);
});

it("has no message that the server no longer says", () => {
  expect(Object.keys(zh).filter((m) => !listed.includes(m))).toEqual([]);
});

it("takes apart what was kept as text", () => {
  const said = (english: string) => {
    const parts = takeApart(english, zh);
    return parts ? sayText(parts, zh) : english;
  };
  expect(said("The receiver answered 503.")).toBe("接收方返回 503。");
  expect(said("The receiver answered 410: it wants no more calls.")).toBe("接收方返回 410：不再接收通知。");
  expect(said("The receiver cannot be reached: connection refused (os error).")).toBe(
    "无法连接接收方：connection refused (os error)。",
  );
  expect(
    said("The receiver answered 302: redirects are not followed. (Enter the address that it leads to.)"),
  ).toMatch(/^接收方返回 302：不会跟随重定向。 \([^A-Za-z]+\)$/);
  expect(said("Something else (with a hint)")).toBe("Something else (with a hint)");
});

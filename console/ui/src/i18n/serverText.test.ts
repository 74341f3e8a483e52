import { expect, it } from "vitest";
import listed from "./messages.json";
import { sayText } from "./serverText";
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
  // As errors with a hint are kept.
  const redirect = {
    template: "{0} ({1})",
    params: [
      { template: "The receiver answered {0}: redirects are not followed.", params: ["302"] },
      { template: "Enter the address that it leads to." },
    ],
  };
  expect(sayText(redirect, zh)).toBe("接收方返回 302：不会跟随重定向。（请填写重定向后的最终地址。）");
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

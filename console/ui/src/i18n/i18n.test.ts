import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { en } from "./en";
import { pickLang } from "./index";
import { zh } from "./zh";

type Tree = { [key: string]: string | Tree };

function flatten(tree: Tree, prefix = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [k, v] of Object.entries(tree)) {
    if (typeof v === "string") out.set(prefix + k, v);
    else for (const [kk, vv] of flatten(v, `${prefix}${k}.`)) out.set(kk, vv);
  }
  return out;
}

const enTexts = flatten(en as Tree);
const zhTexts = flatten(zh as Tree);
const base = (k: string) => k.replace(/_(one|other|zero)$/, "");
const variables = (s: string) => [...s.matchAll(/\{\{\s*(\w+)/g)].map((m) => m[1]).sort();

describe("texts", () => {
  it("have the same keys in both languages", () => {
    const e = new Set([...enTexts.keys()].map(base));
    const z = new Set([...zhTexts.keys()].map(base));
    expect([...e].filter((k) => !z.has(k))).toEqual([]);
    expect([...z].filter((k) => !e.has(k))).toEqual([]);
  });
  it("use the same variables", () => {
    for (const [k, text] of zhTexts) {
      const english = enTexts.get(k) ?? enTexts.get(`${base(k)}_other`) ?? "";
      const count = (v: string | undefined) => v !== "count";
      expect(variables(text).filter(count), k).toEqual(variables(english).filter(count));
    }
  });
  it("are not empty, and Chinese is Chinese", () => {
    // Names and formats that are the same in both languages.
    const same =
      /^(Touchstone|App|ID|JSON|SQL|API|CSV|Node\.js|Python|Go|curl|JavaScript|[\d\s{}#:.%–→/·+，：“”-]*)$/;
    for (const [k, text] of [...enTexts, ...zhTexts]) expect(text.trim(), k).not.toBe("");
    const untranslated = [...zhTexts].filter(
      ([, text]) => !/[\u4e00-\u9fff]/.test(text) && !same.test(text.replace(/\{\{\w+\}\}/g, "").trim()),
    );
    expect(untranslated).toEqual([]);
    expect([...enTexts].filter(([, text]) => /[\u4e00-\u9fff]/.test(text))).toEqual([]);
  });
  it("set a space between a figure and its unit, and none around Chinese punctuation", () => {
    // Variables that hold figures, digits, and words in Latin letters.
    const figures = "n|of|count|rate|share|percent|step|line|letter|lag|time|window";
    const glued = new RegExp(
      `(?:\\{\\{(?:${figures})\\}\\}|[0-9A-Za-z])[\\u4e00-\\u9fff]|[\\u4e00-\\u9fff](?:\\{\\{(?:${figures})\\}\\}|[0-9A-Za-z])`,
    );
    // Where the figure brings its own last word ("120 毫秒"), no space follows; names keep theirs.
    const own = /\{\{(lag|time|when|window)\}\}[\u4e00-\u9fff]/;
    expect([...zhTexts].filter(([, text]) => glued.test(text.replace(own, "")))).toEqual([]);
    expect(
      [...zhTexts].filter(([, text]) => /\s[，。、；：？！）”]|[，。、；：？！（“]\s/.test(text)),
    ).toEqual([]);
  });
  it("keep to the glossary", () => {
    const avoid = /还没有|没能|动静|来路|背后的人|哪些人|批次|浏览屏幕|您/;
    expect([...zhTexts].filter(([, text]) => avoid.test(text))).toEqual([]);
  });
  it("never glue Chinese to half-width punctuation", () => {
    expect([...zhTexts].filter(([, text]) => /[\u4e00-\u9fff][,;!?]/.test(text))).toEqual([]);
  });
});

describe("source files", () => {
  const files: [string, string][] = [];
  const walk = (dir: string) => {
    for (const e of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, e.name);
      if (e.isDirectory()) {
        if (e.name !== "i18n") walk(path);
      } else if (/\.tsx?$/.test(e.name) && !e.name.includes(".test."))
        files.push([path, readFileSync(path, "utf8")]);
    }
  };
  walk(new URL("..", import.meta.url).pathname);

  it("hold no Chinese of their own", () => {
    const strip = (s: string) => s.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(files.filter(([, s]) => /[\u4e00-\u9fff]/.test(strip(s))).map(([p]) => p)).toEqual([]);
  });
  it("leave no text unused", () => {
    const source = files.map(([, s]) => s).join("\n");
    // Keys that are put together at run time: t(`collect.kinds.${kind}`).
    const prefixes = [...source.matchAll(/`([a-zA-Z.]+\.)\$\{/g)].map((m) => m[1] as string);
    // Words for values that come from data: lib/labels.ts.
    prefixes.push("identifierKind.", "channel.", "eventName.", "linkPart.", "settings.audit.");
    // Names of places in the navigation: features.test.ts compares them.
    const place = /^\w+\.nav\./;
    const unused = [...new Set([...enTexts.keys()].map(base))].filter(
      (k) => !place.test(k) && !source.includes(`"${k}"`) && !prefixes.some((p) => k.startsWith(p)),
    );
    expect(unused).toEqual([]);
  });
});

it("picks a language", () => {
  expect(pickLang("auto", ["fr", "zh-TW", "en"])).toBe("zh-CN");
  expect(pickLang("auto", ["de"])).toBe("en");
  expect(pickLang("en", ["zh-CN"])).toBe("en");
});

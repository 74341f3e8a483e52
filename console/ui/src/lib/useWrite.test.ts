import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const files: [string, string][] = [];
const walk = (dir: string) => {
  for (const e of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, e.name);
    if (e.isDirectory()) walk(path);
    else if (/\.tsx?$/.test(e.name) && !e.name.includes(".test."))
      files.push([path, readFileSync(path, "utf8")]);
  }
};
walk(new URL("..", import.meta.url).pathname);
const where = (pattern: RegExp, except: RegExp) =>
  files.filter(([path, s]) => pattern.test(s) && !except.test(path)).map(([path]) => path);

it("is how every write is made, so that no button waits for a message", () => {
  // Signing in says its errors in the form, and has nobody to send messages to.
  expect(where(/\buseMutation\(/, /lib\/useWrite\.ts$|pages\/auth\//)).toEqual([]);
  expect(where(/=> (void )?message\.(error|success|warning)\(/, /pages\/settings\/Users\.tsx$/)).toEqual([]);
});

it("is told from reading: answers and drafts are JSON with all digits", () => {
  // Preferences hold no figures, and snippets are programs of others; lib/json is the one place that knows the other way.
  expect(where(/\bJSON\.(parse|stringify)\(/, /(lib\/(json|prefs)|collect\/snippets)\.ts$/)).toEqual([]);
});

it("never reads parameters that nobody has checked", () => {
  expect(where(/location\.search\b/, /app\/arrival\.ts$|lib\/behind\.ts$|app\/Shell\.tsx$/)).toEqual([]);
});

it("puts no button inside of a link", () => {
  expect(where(/<Link [^>]*>\s*<Button/, /^$/)).toEqual([]);
});

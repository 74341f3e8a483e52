import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Entry {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}
const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8")) as {
  packages: Record<string, Entry>;
};

it("names no registry: everyone installs from their own", () => {
  expect(Object.values(lock.packages).filter((p) => p.resolved !== undefined)).toEqual([]);
});

it("knows the packages of all platforms, or `npm ci` refuses it on the others", () => {
  const missing = Object.values(lock.packages)
    .flatMap((p) => Object.keys(p.optionalDependencies ?? {}))
    .filter((name) => !(`node_modules/${name}` in lock.packages));
  expect(missing).toEqual([]);
});

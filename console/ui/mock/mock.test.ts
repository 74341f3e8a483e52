import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { route } from "./plugin.ts";
import { Problem } from "./server.ts";

const src = new URL("../src", import.meta.url).pathname;
const source = (readdirSync(src, { recursive: true }) as string[])
  .filter((f) => /\.tsx?$/.test(f) && !f.includes(".test."))
  .map((f) => readFileSync(join(src, f), "utf8"))
  .join("\n");

// Files are uploaded to a server only.
const notHere = /^(uploads|imports|mappings)\b/;
const calls = [
  ...new Set([...source.matchAll(/\bapi\s*\.GET\(\s*"\/api\/v1\/([^"]+)"/g)].map((m) => m[1] as string)),
].filter((path) => !notHere.test(path));

/** A path with an id that is there, as a list of the same thing has it. */
function filled(path: string): string[] {
  const done: string[] = [];
  for (const part of path.split("/")) {
    if (!part.startsWith("{")) {
      done.push(part);
      continue;
    }
    const list = route("GET", done, new URLSearchParams(), null) as { items: Record<string, string>[] };
    const first = list.items[0] ?? {};
    done.push(first.id ?? first.name ?? first.event ?? "");
  }
  return done;
}

it("answers every read of the console, so that each page can be looked at without a server", () => {
  expect(calls.length).toBeGreaterThan(35);
  for (const path of calls) {
    const q = new URLSearchParams(path === "schedules/preview" ? { cron: "0 9 * * *" } : {});
    let answer: unknown;
    try {
      answer = route("GET", filled(path), q, null);
    } catch (e) {
      throw new Error(`${path}: ${e instanceof Problem ? e.message : String(e)}`);
    }
    expect(answer, path).toBeTypeOf("object");
  }
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

it("is the only way to ask before something is done", () => {
  const src = new URL("..", import.meta.url).pathname;
  const asking = (readdirSync(src, { recursive: true }) as string[])
    .filter((f) => /\.tsx?$/.test(f) && !f.includes(".test."))
    .filter((f) => /\bPopconfirm\b|\.confirm\(/.test(readFileSync(join(src, f), "utf8")));
  // Leaving changes behind is no doing: lib/useUnsaved asks about that.
  expect(asking.sort()).toEqual(["components/ConfirmButton.tsx", "lib/useUnsaved.tsx"]);
});

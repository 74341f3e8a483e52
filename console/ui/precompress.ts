import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const small = 1024;

/** Leaves a .br and a .gz beside each text file of the build: the server hands them out as they are. */
export function precompress(): Plugin {
  let dir = "";
  return {
    name: "touchstone-precompress",
    apply: "build",
    configResolved(config) {
      dir = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const names = await readdir(dir, { recursive: true });
      const texts = names.filter((n) => /\.(js|css|svg|html)$/.test(n));
      await Promise.all(
        texts.map(async (name) => {
          const content = await readFile(join(dir, name));
          if (content.length < small) return;
          const [br, gz] = await Promise.all([
            promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } }),
            promisify(gzip)(content, { level: 9 }),
          ]);
          await Promise.all([writeFile(join(dir, `${name}.br`), br), writeFile(join(dir, `${name}.gz`), gz)]);
        }),
      );
    },
  };
}

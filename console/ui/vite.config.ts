import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type PluginOption } from "vite";
import { precompress } from "./precompress.ts";

// `--mode mock` answers /api from mock/ instead of from a server. The mock is loaded only then, and is never
// part of a build.
export default defineConfig(async ({ mode }) => {
  const plugins: PluginOption[] = [react(), precompress()];
  if (mode === "mock") plugins.push((await import("./mock/plugin.ts")).mockApi());
  const server = process.env.TOUCHSTONE_URL ?? "http://127.0.0.1:8484";
  const proxy = mode === "mock" ? undefined : { "/api": server, "/v1": server, "/openapi.json": server };
  return {
    plugins,
    resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
    build: {
      target: "es2022",
      sourcemap: false,
      chunkSizeWarningLimit: 1200,
      // Images stay files, so that the page needs no data: URLs in its content policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: { port: 5173, strictPort: true, proxy },
    preview: { port: 4173, strictPort: true, proxy },
    test: {
      environment: "node",
      include: ["*.test.ts", "mock/*.test.ts", "src/**/*.test.{ts,tsx}"],
      // No test is about time: a machine with much else to do may be slow.
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  };
});

import { defineConfig } from "vite";

// The server sends a policy that allows neither inline script and style nor data: URLs, so nothing is inlined.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: process.env.WAKEWATCH_WEB_OUT ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: "127.0.0.1", proxy: { "/wakewatch.v1.": process.env.WAKEWATCH_URL ?? "http://127.0.0.1:7480" } },
});

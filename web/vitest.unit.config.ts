import { defineConfig } from "vitest/config";

// Only failures take so long.
export default defineConfig({
  test: { include: ["src/**/*_test.ts"], environment: "node", testTimeout: 300_000, hookTimeout: 300_000 },
});

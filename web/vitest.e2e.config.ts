import { defineConfig } from "vitest/config";

// One browser after the other: the machine of a developer and of the CI is small.
export default defineConfig({
  test: { include: ["tests/e2e/*.test.ts"], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});

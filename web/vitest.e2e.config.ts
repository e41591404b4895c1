import { defineConfig } from "vitest/config";

// Two browsers at once: the machine of a developer and of the CI is small.
export default defineConfig({
  test: {
    include: ["tests/e2e/*.test.ts"],
    maxWorkers: 2,
    minWorkers: 1,
    // Only failures take so long.
    testTimeout: 900_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 300_000 } },
  },
});

import { defineConfig } from "vitest/config";

// Two browsers at once: the machine of a developer and of the CI is small.
export default defineConfig({
  test: {
    include: ["tests/e2e/*.test.ts"],
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } }, // as much as a locator waits on a busy machine; what holds is seen at once
  },
});

import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { DelayRowSchema } from "../gen/wakewatch/v1/analysis_pb";
import { delayTotals } from "./delays";

it("groups add up, and one without a measured wait adds nothing", () => {
  const rows = [
    create(DelayRowSchema, {
      latency: { n: 3n },
      latencySumNs: 900n,
      excess: { n: 3n },
      excessSumNs: 400n,
      assumedAffinity: 2n,
      withoutWaking: 1n,
    }),
    create(DelayRowSchema, { latency: { n: 1n }, latencySumNs: 100n, assumedAffinity: 1n }),
    create(DelayRowSchema, {}),
  ];
  expect(delayTotals(rows)).toEqual({ waits: 4n, latencyNs: 1000n, excessNs: 400n, assumed: 3n, withoutWaking: 1n });
  expect(delayTotals([])).toEqual({ waits: 0n, latencyNs: 0n, excessNs: 0n, assumed: 0n, withoutWaking: 0n });
});

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DelayBucketsSchema } from "../gen/wakewatch/v1/analysis_pb";
import { bucketName, kBuckets, splitOf, sumOfSplits, type Split } from "./buckets";

const buckets = (init: MessageInitShape<typeof DelayBucketsSchema>) => create(DelayBucketsSchema, init);
const ids = ({ parts }: Split) => parts.map(({ id, ns }) => `${id} ${ns}`);

it("every field of the message is a bucket, under its own name", () => {
  const fields = DelayBucketsSchema.fields.map(({ localName, name }) => [localName, name.replace(/_ns$/, "")]);
  expect(kBuckets.map(({ key, id }) => [key, id])).toEqual(fields);
  expect(new Set(kBuckets.map(({ name }) => name)).size).toBe(kBuckets.length);
});

describe("splitOf", () => {
  it.each<[string, Parameters<typeof splitOf>, string[], bigint, bigint]>([
    ["of nothing", [undefined], [], 0n, 0n],
    ["of nothing that should be something", [undefined, 7n], [], 0n, 7n],
    [
      "leaves out what is 0 and keeps the order",
      [buckets({ higherNs: 90n, deliveryNs: 10n }), 100n],
      ["delivery 10", "higher 90"],
      100n,
      0n,
    ],
    ["is its own whole where none is given", [buckets({ offNs: 5n })], ["off 5"], 5n, 0n],
    ["that is short of the latency says by how much", [buckets({ offNs: 5n }), 8n], ["off 5"], 5n, 3n],
    ["that exceeds it, too", [buckets({ offNs: 5n, equalNs: 4n }), 8n], ["equal 4", "off 5"], 9n, -1n],
    [
      "loses no nanosecond of what a double does not hold",
      [buckets({ lowerNs: 9_007_199_254_740_993n, softirqNs: 1n }), 9_007_199_254_740_994n],
      ["softirq 1", "lower 9007199254740993"],
      9_007_199_254_740_994n,
      0n,
    ],
  ])("%s", (_, given, parts, totalNs, missingNs) => {
    const split = splitOf(...given);
    expect(ids(split)).toEqual(parts);
    expect([split.totalNs, split.missingNs]).toEqual([totalNs, missingNs]);
  });
});

it("splits add up, with what each of them is short of", () => {
  const all = sumOfSplits([
    splitOf(buckets({ deliveryNs: 1n, equalNs: 2n }), 3n),
    splitOf(buckets({ equalNs: 5n, unexplainedNs: 6n }), 12n),
  ]);
  expect(ids(all)).toEqual(["delivery 1", "equal 7", "unexplained 6"]);
  expect([all.totalNs, all.missingNs]).toEqual([14n, 1n]);
  expect(sumOfSplits([])).toEqual({ parts: [], totalNs: 0n, missingNs: 0n });
});

it("a bucket of a newer server keeps the server's name", () => {
  expect(bucketName("idle_exit")).toBe("Idle exit");
  expect(bucketName("throttled")).toBe("throttled");
});

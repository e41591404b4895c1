import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { FindingGroupSchema } from "../gen/wakewatch/v1/findings_pb";
import { findingsByPid } from "./thread_findings";

const group = (pid: number, count: bigint) => create(FindingGroupSchema, { worst: { pid }, count });

it("adds up the groups of a thread", () => {
  expect(findingsByPid([group(9, 2n), group(14, 1n), group(9, 40n)], 3n)).toEqual(
    new Map([
      [9, 42n],
      [14, 1n],
    ]),
  );
});

it("tells nothing where groups are missing", () => {
  expect(findingsByPid([group(9, 2n)], 2n)).toBeUndefined();
});

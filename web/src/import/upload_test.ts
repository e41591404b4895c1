import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { FinishImportResponseSchema } from "../gen/wakewatch/v1/import_pb";
import { importFile, isOver, isUnderWay, shareOf, type Importer, type Progress, type Source } from "./upload";

const file = (text: string): Source => ({
  name: "trace.dat",
  size: text.length,
  slice: (from, to) => ({
    arrayBuffer: async () => new TextEncoder().encode(text.slice(from, to)).buffer as ArrayBuffer,
  }),
});

const around = {
  explain: (error: unknown) => {
    const { code, rawMessage } = ConnectError.from(error);
    return { problem: rawMessage, definite: code === Code.InvalidArgument };
  },
  sleep: async () => undefined,
};

class Fake implements Importer {
  stored = "";
  readonly calls: string[] = [];
  fail: (call: string) => unknown = () => undefined;
  answers: MessageInitShape<typeof FinishImportResponseSchema>[] = [{ done: true, host: "h", recording: "r" }];

  private call(text: string) {
    this.calls.push(text);
    const error = this.fail(text);
    if (error !== undefined) throw error;
  }
  async begin(name: string, host: string, bytes: number) {
    this.call(`begin ${name} ${host} ${bytes}`);
    return { id: "7", partBytesMax: 4, received: this.stored.length };
  }
  async send(_: string, offset: number, data: Uint8Array) {
    this.call(`send ${offset}`);
    this.stored = this.stored.slice(0, offset) + new TextDecoder().decode(data);
    return this.stored.length;
  }
  async *finish() {
    this.call("finish");
    for (const answer of this.answers) yield create(FinishImportResponseSchema, answer);
  }
  async cancel() {
    this.call("cancel");
  }
}

async function run(
  fake: Fake,
  text = "abcdefghij",
  signal = new AbortController().signal,
  told?: (p: Progress) => void,
) {
  const list: Progress[] = [];
  await importFile(file(text), "lab", fake, around, signal, (progress) => {
    list.push(progress);
    told?.(progress);
  });
  return list;
}

describe("importFile", () => {
  it("sends every byte once, in order, and tells how far it is", async () => {
    const fake = new Fake();
    fake.answers = [
      { bytesRead: 5n, events: 2n },
      { done: true, host: "lab", recording: "r", events: 3n, warnings: ["lost"] },
    ];
    const told = await run(fake);
    expect(fake.stored).toBe("abcdefghij");
    expect(fake.calls).toEqual(["begin trace.dat lab 10", "send 0", "send 4", "send 8", "finish"]);
    expect(told.map(shareOf)).toEqual([0, 0.4, 0.8, 1, undefined, 0.5, undefined]);
    expect(told.at(-1)).toEqual({ phase: "done", host: "lab", recording: "r", events: 3n, warnings: ["lost"] });
    expect(told.map(isOver)).toEqual([false, false, false, false, false, false, true]);
    expect(told.map(isUnderWay)).toEqual([true, true, true, true, true, true, false]);
  });

  it("goes on where the server has it", async () => {
    const fake = new Fake();
    fake.stored = "abcde";
    const told = await run(fake);
    expect(fake.stored).toBe("abcdefghij");
    expect(fake.calls).toEqual(["begin trace.dat lab 10", "send 5", "send 9", "finish"]);
    expect(told.map(shareOf).slice(0, 3)).toEqual([0, 0.5, 0.9]);
    fake.stored = "abcdefghij";
    fake.calls.length = 0;
    expect((await run(fake)).at(-1)?.phase).toBe("done");
    expect(fake.calls).toEqual(["begin trace.dat lab 10", "finish"]);
  });

  it("sends a part again when the connection breaks", async () => {
    const fake = new Fake();
    let breaks = 2;
    fake.fail = (call) => (call === "send 4" && breaks-- > 0 ? new ConnectError("gone", Code.Unavailable) : undefined);
    expect((await run(fake)).at(-1)?.phase).toBe("done");
    expect(fake.stored).toBe("abcdefghij");
    expect(fake.calls.filter((call) => call === "send 4")).toHaveLength(3);
  });

  it("gives up in the end, says why, and leaves nothing on the server", async () => {
    const fake = new Fake();
    fake.fail = (call) => (call === "send 4" ? new ConnectError("gone", Code.Unavailable) : undefined);
    expect((await run(fake)).at(-1)).toEqual({ phase: "failed", problem: "gone" });
    expect(fake.calls.filter((call) => call === "send 4")).toHaveLength(6);
    expect(fake.calls.at(-1)).toBe("cancel");
  });

  it("asks only once where the answer is definite", async () => {
    const fake = new Fake();
    fake.fail = (call) => (call === "finish" ? new ConnectError("trace.dat: broken", Code.InvalidArgument) : undefined);
    expect((await run(fake)).at(-1)).toEqual({ phase: "failed", problem: "trace.dat: broken" });
    const refusing = new Fake();
    refusing.fail = () => new ConnectError("there is a collector", Code.AlreadyExists);
    expect((await run(refusing)).at(-1)).toEqual({ phase: "failed", problem: "there is a collector" });
    expect(refusing.calls).toHaveLength(1);
  });

  it("can be given up while it sends", async () => {
    const fake = new Fake();
    const stop = new AbortController();
    const told = await run(fake, "abcdefghij", stop.signal, (progress) => {
      if (progress.phase === "sending" && progress.sent === 4) stop.abort();
    });
    expect(told.at(-1)).toEqual({ phase: "given up", gone: true });
    expect(fake.calls).toEqual(["begin trace.dat lab 10", "send 0", "cancel"]);
  });

  it.each([
    ["has no such upload", Code.InvalidArgument, true],
    ["cannot be reached", Code.Unavailable, false],
  ])("says whether the server let go of it when that %s", async (_, code, gone) => {
    const fake = new Fake();
    fake.fail = (call) => (call === "cancel" ? new ConnectError("no", code) : undefined);
    const stop = new AbortController();
    const told = await run(fake, "abcdefghij", stop.signal, () => stop.abort());
    expect(told.at(-1)).toEqual({ phase: "given up", gone });
  });

  it("does not take an end without a recording for success", async () => {
    const fake = new Fake();
    fake.answers = [{ bytesRead: 5n }];
    expect((await run(fake)).at(-1)?.phase).toBe("failed");
  });
});

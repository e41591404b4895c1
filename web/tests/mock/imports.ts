// Takes files as the server does, and makes hosts of them.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { HostSchema, HostStatus, type Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import type { ImportService } from "../../src/gen/wakewatch/v1/import_pb";

interface Upload {
  fileName: string;
  host: string;
  bytes: bigint;
  received: Uint8Array[];
  size: number;
}

const kPartBytes = 1 << 16;
const kSteps = 4; // of reading
const kStepMs = 60;

export class Imports {
  readonly uploads = new Map<string, Upload>();
  /** Parts that are refused before one is taken. */
  breaks = 0;
  /** While set, a file is read without an end. */
  slow = false;
  private ids = 0;

  constructor(private readonly hosts: Host[]) {}

  routes(): Partial<ServiceImpl<typeof ImportService>> {
    return {
      beginImport: ({ fileName, host, bytes }) => {
        const name = host || fileName.replace(/\.[^.]*$/, "").replace(/[^\w.-]+/g, "-") || "imported";
        if (this.hosts.some((one) => one.name === name && one.status === HostStatus.STREAMING))
          throw new ConnectError(
            `host "${name}" has a collector of its own (import under another name)`,
            Code.AlreadyExists,
          );
        const id = `upload-${++this.ids}`;
        this.uploads.set(id, { fileName, host: name, bytes, received: [], size: 0 });
        return { importId: id, partBytesMax: BigInt(kPartBytes) };
      },
      uploadPart: ({ importId, offset, data }) => {
        const upload = this.known(importId);
        if (this.breaks > 0) {
          this.breaks--;
          throw new ConnectError("the connection broke", Code.Unavailable);
        }
        if (Number(offset) + data.length <= upload.size) return { bytesReceived: BigInt(upload.size) };
        if (Number(offset) !== upload.size || data.length > kPartBytes)
          throw new ConnectError(`the file ends at byte ${upload.size} so far`, Code.FailedPrecondition);
        upload.received.push(data);
        upload.size += data.length;
        return { bytesReceived: BigInt(upload.size) };
      },
      finishImport: ({ importId }, context) => this.finish(importId, context),
      cancelImport: ({ importId }) => {
        this.known(importId);
        this.uploads.delete(importId);
        return {};
      },
    };
  }

  private known(id: string): Upload {
    const upload = this.uploads.get(id);
    if (upload === undefined) throw new ConnectError("there is no such upload", Code.NotFound);
    return upload;
  }

  private async *finish(id: string, context: HandlerContext) {
    const upload = this.known(id);
    const text = Buffer.concat(upload.received).toString("latin1");
    for (let step = 1; step <= kSteps || this.slow; step++) {
      await new Promise((resolve) => setTimeout(resolve, kStepMs));
      if (context.signal.aborted || !this.uploads.has(id)) {
        this.uploads.delete(id);
        throw new ConnectError("the import was given up", Code.Canceled);
      }
      const read = (upload.bytes * BigInt(Math.min(step, kSteps))) / BigInt(kSteps + 1);
      yield { bytesRead: read, bytes: upload.bytes, events: BigInt(step) * 1000n };
    }
    this.uploads.delete(id);
    if (!text.startsWith("trace"))
      throw new ConnectError(
        `${upload.fileName}: offset 0: no trace that is read here (is it whole?)`,
        Code.InvalidArgument,
      );
    const recording = `20261126T030000Z-${id}`;
    this.hosts.push(
      create(HostSchema, {
        name: upload.host,
        recording,
        status: HostStatus.ENDED,
        cpus: 4,
        watermarkNs: 90_000_000_000n,
      }),
    );
    yield {
      bytesRead: upload.bytes,
      bytes: upload.bytes,
      events: 4321n,
      done: true,
      host: upload.host,
      recording,
      warnings: ["EVENTS WERE LOST: 12 events, in 1 gap on 1 CPU."],
    };
  }
}

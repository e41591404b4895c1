// The server's services, at the address the page came from.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AnalysisService } from "../gen/wakewatch/v1/analysis_pb";
import { FindingService } from "../gen/wakewatch/v1/findings_pb";
import { FleetService } from "../gen/wakewatch/v1/fleet_pb";
import { ImportService } from "../gen/wakewatch/v1/import_pb";
import { ProtocolService } from "../gen/wakewatch/v1/protocol_pb";
import type { Explained } from "./follow";
import { SqlService } from "../gen/wakewatch/v1/sql_pb";

const transport = createConnectTransport({ baseUrl: window.location.origin, useBinaryFormat: true });

export const fleet = createClient(FleetService, transport);
export const analysis = createClient(AnalysisService, transport);
export const findings = createClient(FindingService, transport);

export const protocols = createClient(ProtocolService, transport);
export const sql = createClient(SqlService, transport);

export const imports = createClient(ImportService, transport);

export const kUnaryMs = 20_000;
export const kCheckMs = 60_000; // longer than the server lets a check run

const kDefinite = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.Unauthenticated,
]);

export function explain(error: unknown): Explained {
  const known = ConnectError.from(error);
  const definite = kDefinite.has(known.code);
  // What fetch says of a server that is not there differs by browser and tells nothing.
  if (!definite && known.cause instanceof TypeError) return { problem: "the server cannot be reached", definite };
  const problem = known.rawMessage || Code[known.code] || "unknown error";
  return { problem, definite, signedOut: known.code === Code.Unauthenticated };
}

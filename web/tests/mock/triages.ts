// What is said about findings, as the server keeps it.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  FindingAnnotationSchema,
  Triage,
  type Finding,
  type FindingAnnotation,
  type ListAnnotationsRequest,
  type ListFindingsRequest,
} from "../../src/gen/wakewatch/v1/findings_pb";
import { Role } from "../../src/gen/wakewatch/v1/options_pb";

const keyOf = (host: string, groupId: string) => `${host}/${groupId}`;

export class Triages {
  readonly kept = new Map<string, FindingAnnotation>();

  say(annotation: FindingAnnotation, roles: readonly Role[]) {
    if (!roles.includes(Role.ADMIN)) throw new ConnectError("this needs the role admin", Code.PermissionDenied);
    if (new TextEncoder().encode(annotation.note).length > 4096)
      throw new ConnectError("the note is too long, 4096 bytes are the limit", Code.InvalidArgument);
    const kept = create(FindingAnnotationSchema, {
      ...annotation,
      author: "ops",
      changedRealNs: BigInt(Date.now()) * 1_000_000n,
    });
    const key = keyOf(annotation.host, annotation.groupId);
    if (kept.triage === Triage.UNSPECIFIED && kept.note === "") this.kept.delete(key);
    else this.kept.set(key, kept);
    return { annotation: kept };
  }

  list({ host, groupId }: ListAnnotationsRequest) {
    const all = [...this.kept.values()].filter(
      (one) => (host === "" || one.host === host) && (groupId === "" || one.groupId === groupId),
    );
    return { annotations: all.reverse() };
  }

  shows(request: ListFindingsRequest, finding: Finding): boolean {
    return !request.withoutMuted || this.kept.get(keyOf(finding.host, finding.groupId))?.triage !== Triage.MUTED;
  }
}

// Where else findings of the same group are: on other hosts, and in other recordings.
import { useMemo } from "preact/hooks";
import { findings, fleet, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { Recording } from "../gen/wakewatch/v1/fleet_pb";
import type { Finding, FindingGroup } from "../gen/wakewatch/v1/findings_pb";
import { Fed } from "../parts/feed_note";
import { Foreign, When } from "../parts/text";
import { findingAddress, hostAddress } from "../router";
import { traceTime } from "../text/times";
import { count, duration, plural } from "../text/units";

const kRecordings = 24; // that are looked into
const kAtOnce = 2;

interface Seen {
  recording: Recording;
  group: FindingGroup;
}
interface History {
  looked: number;
  all: number;
  seen: readonly Seen[];
}

async function lookInto(groupId: string, signal: AbortSignal): Promise<History> {
  const listed = await fleet.listRecordings({}, { signal, timeoutMs: kUnaryMs });
  const recordings = listed.recordings.slice(0, kRecordings);
  const seen: Seen[] = [];
  const left = [...recordings];
  const look = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const filter = { host: one.host, recording: one.id, groupId };
      // One that has gone since, or cannot be read, has nothing to tell.
      const answer = await findings
        .listFindingGroups({ filter }, { signal, timeoutMs: kUnaryMs })
        .catch(() => undefined);
      const group = answer?.groups[0];
      if (group?.worst !== undefined) seen.push({ recording: one, group });
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, look));
  return { looked: recordings.length, all: listed.recordings.length, seen };
}

export function FindingHistory({ finding }: { finding: Finding }) {
  const { groupId } = finding;
  const { state, feed } = usePoll(`history ${groupId}`, (signal) => lookInto(groupId, signal), Infinity);
  const rows = useMemo(
    () =>
      [...(state?.seen ?? [])].sort((a, b) =>
        a.recording.id < b.recording.id ? 1 : a.recording.id > b.recording.id ? -1 : 0,
      ),
    [state],
  );
  return (
    <section aria-label="History">
      <h2>History of this group</h2>
      <Fed feed={feed} what="recordings">
        <p class="quiet">
          Seen in {plural(rows.length, "recording", "recordings")} of{" "}
          {state !== undefined && state.looked < state.all
            ? `the newest ${count(state.looked)}`
            : count(state?.looked ?? 0)}
          . The same check, class, thread and waker make a group.
        </p>
        <table class="grid small occurrences">
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col">Recording</th>
              <th scope="col">Last seen</th>
              <th scope="col" class="number">
                Count
              </th>
              <th scope="col" class="number">
                Worst
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ recording: { host, id }, group }) => (
              <tr
                key={`${host}/${id}`}
                aria-current={host === finding.host && id === finding.recording ? "true" : undefined}
              >
                <td>
                  <Foreign text={host} />
                </td>
                <td>
                  <a href={hostAddress(host, "delays", { recording: id })}>
                    <Foreign text={id} />
                  </a>
                </td>
                <td>
                  {group.lastStartRealNs === 0n ? (
                    <>{traceTime(group.lastStartNs)} s of trace time</>
                  ) : (
                    <When realNs={group.lastStartRealNs} />
                  )}
                </td>
                <td class="number">{count(group.count)}</td>
                <td class="number">
                  <a href={findingAddress(host, group.worst!.id)}>{duration(group.worst!.waitedNs)}</a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Fed>
    </section>
  );
}

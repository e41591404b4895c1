// Where else findings of the same group are: on other hosts, and in other recordings.
import { useMemo, useState } from "preact/hooks";
import { findings, fleet, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { Recording } from "../gen/wakewatch/v1/fleet_pb";
import type { Finding, FindingGroup } from "../gen/wakewatch/v1/findings_pb";
import { Fed } from "../parts/feed_note";
import { Scroller } from "../parts/scroller";
import { Foreign, When } from "../parts/text";
import { findingAddress, hostAddress } from "../router";
import { traceTime } from "../text/times";
import { count, duration, plural } from "../text/units";

const kRecordings = 24; // that are looked into at a time
const kAtOnce = 2;

interface Seen {
  recording: Recording;
  group: FindingGroup;
}
interface Looked {
  recordings: number;
  unread: number; // of these
  seen: readonly Seen[];
}

const kNothing: Looked = { recordings: 0, unread: 0, seen: [] };

const both = (a: Looked, b: Looked): Looked => ({
  recordings: a.recordings + b.recordings,
  unread: a.unread + b.unread,
  seen: [...a.seen, ...b.seen],
});

async function lookInto(groupId: string, recordings: readonly Recording[], signal?: AbortSignal): Promise<Looked> {
  const seen: Seen[] = [];
  const left = [...recordings];
  let unread = 0;
  const options = { timeoutMs: kUnaryMs, ...(signal === undefined ? {} : { signal }) };
  const look = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const filter = { host: one.host, recording: one.id, groupId };
      try {
        const [group] = (await findings.listFindingGroups({ filter }, options)).groups;
        if (group?.worst !== undefined) seen.push({ recording: one, group });
      } catch (error) {
        if (signal?.aborted) throw error;
        unread++;
      }
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, look));
  return { recordings: recordings.length, unread, seen };
}

/** The finding's own one first, however old: then the newest. */
async function listAll({ host, recording }: Finding, signal: AbortSignal): Promise<Recording[]> {
  const { recordings } = await fleet.listRecordings({}, { signal, timeoutMs: kUnaryMs });
  const own = (one: Recording) => one.host === host && one.id === recording;
  return [...recordings.filter(own), ...recordings.filter((one) => !own(one))];
}

const newestFirst = ({ recording: a }: Seen, { recording: b }: Seen) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

export function FindingHistory({ finding }: { finding: Finding }) {
  const { groupId } = finding;
  const [more, setMore] = useState(kNothing);
  const [busy, setBusy] = useState(false);
  const { state, feed } = usePoll(
    `history ${groupId}`,
    async (signal) => {
      const all = await listAll(finding, signal);
      return { all, first: await lookInto(groupId, all.slice(0, kRecordings), signal) };
    },
    Infinity,
  );
  const looked = useMemo(() => (state === undefined ? kNothing : both(state.first, more)), [state, more]);
  const rows = useMemo(() => [...looked.seen].sort(newestFirst), [looked]);
  const all = state?.all ?? [];
  const next = all.slice(looked.recordings, looked.recordings + kRecordings);
  const lookOn = async () => {
    setBusy(true);
    const found = await lookInto(groupId, next);
    setMore((before) => both(before, found));
    setBusy(false);
  };
  return (
    <section aria-label="History">
      <h2>History of this group</h2>
      <Fed feed={feed} what="recordings">
        <p class="quiet" role="status">
          Seen in {plural(rows.length, "recording", "recordings")}; looked at{" "}
          {next.length === 0 ? "all" : `${count(looked.recordings)} of`} {count(all.length)}
          {next.length > 0 && ", the newest"}.
          {looked.unread > 0 && ` ${plural(looked.unread, "recording", "recordings")} could not be read.`} The same
          check, class, thread and waker make a group.
        </p>
        {next.length > 0 && (
          <button type="button" disabled={busy} onClick={() => void lookOn()}>
            {busy ? "Looking" : `Look at ${count(next.length)} more`}
          </button>
        )}
        <Scroller label="History of this group" look="sideways">
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
        </Scroller>
      </Fed>
    </section>
  );
}

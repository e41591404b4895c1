import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { PathSegment } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { WarningGlyph } from "../parts/marks";
import { Scroller } from "../parts/scroller";
import { Foreign, Task } from "../parts/text";
import { offset } from "../text/times";
import { duration } from "../text/units";

interface Props {
  host: string;
  recording: string;
  pid: number;
  sinceNs: bigint;
  zeroNs: bigint; // what offsets count from
  untilNs: bigint;
}

/** What kept the task from running, task by task, without a hole. The server reads the events for it, so it asks once. */
export function CriticalPath({ host, recording, pid, sinceNs, zeroNs, untilNs }: Props) {
  const { state, feed } = usePoll(
    `path ${host} ${recording} ${pid} ${sinceNs} ${untilNs}`,
    (signal) =>
      analysis.getChain(
        { recording: { host, recording, sinceNs, untilNs }, task: String(pid) },
        { signal, timeoutMs: kUnaryMs },
      ),
    Infinity,
  );
  return (
    <Fed feed={feed} what="critical path">
      {state?.hasGaps && (
        <p>
          <WarningGlyph /> The recording has gaps: what they hide is an unknown segment.
        </p>
      )}
      {state?.segments.length === 0 && <p class="quiet">There is no path in this span.</p>}
      {state !== undefined && state.segments.length > 0 && (
        <Scroller label="Critical path">
          <table class="grid small">
            <caption class="hidden">Critical path, the oldest segment first</caption>
            <thead>
              <tr>
                <th scope="col" class="number" title="Since the worst wakeup's sched_waking">
                  From
                </th>
                <th scope="col" class="number">
                  For
                </th>
                <th scope="col">Task</th>
                <th scope="col" class="number">
                  CPU
                </th>
                <th scope="col">What it did</th>
              </tr>
            </thead>
            <tbody>
              {state.segments.map((segment) => (
                <tr key={String(segment.startNs)}>
                  <td class="number">{offset(segment.startNs - zeroNs)}</td>
                  <td class="number">{duration(segment.endNs - segment.startNs)}</td>
                  <td>
                    <Task comm={segment.comm} pid={segment.pid} />
                  </td>
                  <td class="number">{segment.cpu ?? "–"}</td>
                  <td>
                    <Did segment={segment} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Fed>
  );
}

function Did({ segment }: { segment: PathSegment }) {
  const { kind, holderPid, holderComm, holderNs, context, source } = segment;
  if (kind === "run") return <>ran</>;
  if (kind === "wait") {
    if (holderPid === undefined) return <>waited for the CPU</>;
    if (holderPid === 0) return <>waited for the CPU, which was idle for {duration(holderNs)}</>;
    return (
      <>
        waited for the CPU, which <Task comm={holderComm} pid={holderPid} /> had for {duration(holderNs)}
      </>
    );
  }
  if (kind === "sleep") {
    return (
      <>
        slept until woken ({context}
        {source !== "" && (
          <>
            : <Foreign text={source} />
          </>
        )}
        )
      </>
    );
  }
  return (
    <>
      <Foreign text={kind} empty="unknown" />
      {source !== "" && (
        <>
          : <Foreign text={source} />
        </>
      )}
    </>
  );
}

import { findings, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import { ConfidenceMark, OpenMark } from "../parts/marks";
import { Foreign, Task } from "../parts/text";
import { findingAddress, findingsAddress, hostAddress, threadAddress } from "../router";
import { openWords } from "../state/findings";
import { count, duration } from "../text/units";

const kAgainMs = 30_000;

/** The longest wait of a kernel thread that was found anywhere, for who comes to see what is wrong. */
export function WorstFinding() {
  const { state } = usePoll(
    "worst finding",
    (signal) =>
      findings.listFindings(
        { kernelOnly: true, withoutMuted: true, worstFirst: true, limit: 1 },
        { signal, timeoutMs: kUnaryMs },
      ),
    kAgainMs,
  );
  const worst = state?.findings[0];
  if (worst === undefined) return null;
  const { host, id, pid, comm, recording } = worst;
  return (
    <section class="worst" aria-label="The longest wait of a kernel thread">
      <h2>
        <a href={threadAddress(host, pid, { recording })}>
          <Task comm={comm} pid={pid} />
        </a>{" "}
        <span class="quiet">on</span>{" "}
        <a href={hostAddress(host)}>
          <Foreign text={host} />
        </a>{" "}
        <span class="quiet">waited longest:</span> {duration(worst.waitedNs)}{" "}
        <ConfidenceMark confidence={worst.confidence} />
        {worst.open && <OpenMark words={openWords(worst.check)} />}
      </h2>
      <p>
        <Foreign text={worst.explanation} empty="No explanation was given." />
      </p>
      <p>
        <a href={findingAddress(host, id)}>The proof of it</a>, or{" "}
        <a href={findingsAddress({ sort: "-worst" })}>
          all {count(state!.total)} findings of kernel threads, the worst first
        </a>
      </p>
    </section>
  );
}

import { When } from "./text";
import { At } from "./times";

/** By the wall, or on the trace clock where the host's wall clock is not known. */
export function Began({ realNs, traceNs }: { realNs: bigint; traceNs: bigint }) {
  return realNs === 0n ? <At ns={traceNs} /> : <When realNs={realNs} />;
}

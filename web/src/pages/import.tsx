// Files from elsewhere: what is on its way, and what became of it.
import { useRef, useState } from "preact/hooks";
import { useMay } from "../api/caller";
import { Role } from "../gen/wakewatch/v1/options_pb";
import { forgetOver, giveUp, startImport, useJobs, type Job } from "../import/jobs";
import { isOver, shareOf, type Progress } from "../import/upload";
import { WarningGlyph } from "../parts/marks";
import { Foreign } from "../parts/text";
import { hostAddress } from "../router";
import { bytes, count } from "../text/units";
import { visible } from "../text/visible";

export function ImportPage() {
  const jobs = useJobs();
  const may = useMay(Role.IMPORT);
  return (
    <>
      <h1>Import a trace</h1>
      <p class="quiet">
        A <code>trace.dat</code> of trace-cmd, or a recording of this program. Choose it here, or drop it anywhere on
        any page. It becomes a recording of a host of its own, with its findings.
      </p>
      {may === false ? (
        <p class="note warn" role="status">
          <WarningGlyph />
          <span>You may not import here: that needs a token with the role “import”.</span>
        </p>
      ) : (
        <Chooser />
      )}
      <ul class="jobs" aria-label="Imports">
        {jobs.map((job) => (
          <JobLine key={job.key} job={job} />
        ))}
      </ul>
      {jobs.some(({ progress }) => isOver(progress)) && (
        <button type="button" onClick={forgetOver}>
          Clear what is over
        </button>
      )}
    </>
  );
}

function Chooser() {
  const [host, setHost] = useState("");
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="toolbar"
      aria-label="New import"
      onSubmit={(event) => {
        event.preventDefault();
        for (const file of input.current?.files ?? []) startImport(file, host.trim());
        event.currentTarget.reset();
        setHost("");
      }}
    >
      <label>
        File
        <input ref={input} type="file" required multiple />
      </label>
      <label>
        Under host
        <input
          type="text"
          value={host}
          placeholder="made from the file's name"
          maxLength={253}
          size={26}
          spellcheck={false}
          onInput={(event) => setHost(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Import</button>
    </form>
  );
}

function words(progress: Progress): string {
  switch (progress.phase) {
    case "waiting":
      return "waits for the one before it";
    case "sending":
      return `sending: ${bytes(progress.sent)} of ${bytes(progress.bytes)}`;
    case "reading":
      return progress.events === 0n ? "the server reads it" : `the server reads it: ${count(progress.events)} events`;
    case "done":
      return `${count(progress.events)} events`;
    case "failed":
      return "failed";
    case "given up":
      return progress.gone
        ? "given up; nothing of it is on the server"
        : "given up; the server could not be told, and forgets it after an hour";
    case "left":
      return (
        (progress.sent === undefined
          ? "the page was left before all of it was sent. "
          : `the page was left when ${bytes(progress.sent)} of ${bytes(progress.bytes)} were sent. `) +
        "Choose or drop the same file again to go on from there; the server forgets it after an hour"
      );
    case "lost":
      return progress.reading
        ? "the page was left while the server read it, and that ends an import: nothing of it is kept, unless it was done by then; the fleet tells"
        : "the page was left before all of it was sent, and the server has forgotten it; import it again";
  }
}

function JobLine({ job }: { job: Job }) {
  const { progress } = job;
  const share = shareOf(progress);
  return (
    <li class="job">
      <strong>
        <Foreign text={job.fileName} />
      </strong>{" "}
      <span class="quiet">{bytes(job.bytes)}</span>
      {!isOver(progress) && (
        <>
          <progress
            aria-label={visible(`Import of ${job.fileName}`)}
            {...(share === undefined ? {} : { value: share })}
          />
          <button type="button" onClick={() => giveUp(job.key)}>
            {progress.phase === "left" ? "Discard" : "Cancel"}
          </button>
        </>
      )}
      <p role="status">
        {words(progress)}
        {progress.phase === "done" && (
          <>
            {" "}
            <a href={hostAddress(progress.host, "threads", { recording: progress.recording })}>
              Open the recording of <Foreign text={progress.host} />
            </a>
          </>
        )}
      </p>
      {progress.phase === "failed" && (
        <p class="note bad" role="alert">
          <WarningGlyph />
          <span>{visible(progress.problem)}</span>
        </p>
      )}
      {progress.phase === "done" && progress.warnings.length > 0 && (
        <ul class="remarks">
          {progress.warnings.map((text, i) => (
            <li key={i}>
              <WarningGlyph /> <Foreign text={text} />
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

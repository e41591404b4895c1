import type { Exported } from "../state/export";
import { offset } from "../text/times";
import { ExportMenu } from "./export_menu";
import { Scroller } from "./scroller";
import { Foreign } from "./text";
import { At } from "./times";

interface Event {
  cpu: number;
  tsNs: bigint;
  event: string;
}

function exportedEvents(startNs: bigint, events: readonly Event[]): Exported {
  return {
    names: ["cpu", "ts_ns", "since_start_ns", "event"],
    rows: events.map(({ cpu, tsNs, event }) => [cpu, tsNs, tsNs - startNs, event]),
  };
}

/** Events that a reader can look up in the trace, with the time since `startNs` and since the one above. */
export function EventTable(props: {
  caption: string;
  startNs: bigint;
  events: readonly Event[];
  /** The address of what happened around an event. */
  addressOf?(event: Event): string;
}) {
  const { caption, startNs, events, addressOf } = props;
  return (
    <div class="table">
      <ExportMenu
        caption={caption}
        rows={events.length}
        partly={undefined}
        make={() => exportedEvents(startNs, events)}
      />
      <Scroller label={caption}>
        <table class="grid evidence">
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              <th scope="col" class="number">
                #
              </th>
              <th scope="col" class="number">
                CPU
              </th>
              <th scope="col" class="number" title="Since the wait began">
                Since start
              </th>
              <th scope="col" class="number" title="Since the event above">
                Step
              </th>
              <th scope="col" class="number">
                At
              </th>
              <th scope="col">Event</th>
            </tr>
          </thead>
          <tbody>
            {events.map((event, i) => {
              const before = events[i - 1];
              return (
                <tr key={i}>
                  <td class="number">{i + 1}</td>
                  <td class="number">{event.cpu}</td>
                  <td class="number">{offset(event.tsNs - startNs)}</td>
                  <td class="number">{before === undefined ? "" : offset(event.tsNs - before.tsNs)}</td>
                  <td class="number">
                    {addressOf === undefined ? (
                      <At ns={event.tsNs} />
                    ) : (
                      <a href={addressOf(event)} title="What happened around it">
                        <At ns={event.tsNs} />
                      </a>
                    )}
                  </td>
                  <td class="event">
                    <Foreign text={event.event} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroller>
    </div>
  );
}

// What is known of the recording: asks for the tiles that a view needs, and puts lanes together out of them.
import { Code, ConnectError } from "@connectrpc/connect";
import { analysis, explain, kUnaryMs } from "../api/client";
import {
  assembleActivities,
  assembleCpu,
  assembleStates,
  assembleWakeups,
  extentOf,
  type ShownActivities,
  type ShownCpu,
  type ShownStates,
} from "./assemble";
import {
  packCpus,
  packDetail,
  packWaits,
  type CpuTile,
  type DetailTile,
  type WaitSpan,
  type WaitTile,
  type Wakeup,
} from "./lanes";
import { binsFor } from "./layout";
import { Loader, type Wanted } from "./loader";
import { bestOf, keyOf, levelFor, neighboursOf, tileEndNs, tilesAt, tileStartNs, type Piece, type Tile } from "./tiles";
import type { View } from "./view";

export interface Source {
  host: string;
  recording: string;
  originNs: bigint;
}
/** What is to be seen. */
export interface Sight {
  view: View;
  width: number; // px
  at: number; // ns; where a zoom would lead
  blocks: readonly (readonly number[])[]; // of CPUs
  pids: readonly number[];
  endNs: bigint; // of what the recording has
}

interface CpuAsk {
  tile: Tile;
  cpus: readonly number[];
  bins: number;
}
interface DetailAsk {
  tile: Tile;
  cpus: readonly number[];
  pids: readonly number[];
}

const kItemsMax = 10_000;
const kWaitsMax = 1000;
const kNoActivities = assembleActivities([]);
const kNoStates = assembleStates([]);

/** Kept until its pieces are others. */
class Assembled<T, S> {
  private readonly made = new Map<number, { pieces: readonly Piece<T>[]; shown: S }>();
  get(of: number, pieces: readonly Piece<T>[], make: () => S): S {
    const known = this.made.get(of);
    const same =
      known?.pieces.length === pieces.length &&
      pieces.every((piece, i) => {
        const before = known.pieces[i]!;
        return before.value === piece.value && before.from === piece.from && before.to === piece.to;
      });
    if (known !== undefined && same) return known.shown;
    const shown = make();
    this.made.set(of, { pieces, shown });
    return shown;
  }
}

export class Scene {
  readonly cpus: Loader<CpuAsk, CpuTile>;
  readonly details: Loader<DetailAsk, DetailTile>;
  readonly waits: Loader<DetailAsk, WaitTile>;
  private readonly shownCpus = new Assembled<CpuTile, ShownCpu>();
  private readonly shownActivities = new Assembled<DetailTile, ShownActivities>();
  private readonly shownStates = new Assembled<DetailTile, ShownStates>();
  private readonly shownWaits = new Assembled<WaitTile, WaitSpan[]>();
  private readonly shownWakeups = new Assembled<DetailTile, Wakeup[]>();
  private sight: Sight | undefined;
  private pids: readonly number[] = [];
  private pidsBefore: readonly number[] = [];
  private level = 0;
  private bins = 0;

  constructor(
    readonly source: Source,
    changed: (seen: boolean) => void,
  ) {
    const words = (error: unknown) => ({
      ...explain(error),
      hopeless: ConnectError.from(error).code === Code.Unimplemented,
    });
    const options = { explain: words, changed, now: () => Date.now(), flightsMax: 2 };
    const recording = (tile: Tile) => ({
      host: source.host,
      recording: source.recording,
      sinceNs: tileStartNs(tile),
      untilNs: tileEndNs(tile),
    });
    const whole = { host: source.host, recording: source.recording };
    const span = ({ tile }: { tile: Tile }) => ({ startNs: tileStartNs(tile), endNs: tileEndNs(tile) });
    const call = (signal: AbortSignal) => ({ signal, timeoutMs: kUnaryMs });
    this.cpus = new Loader<CpuAsk, CpuTile>({
      ...options,
      keptMax: 128,
      fetch: async (ask, signal) =>
        packCpus(
          await analysis.getTimeline(
            { recording: whole, ...span(ask), binsMax: ask.bins, cpus: [...ask.cpus] },
            call(signal),
          ),
          source.originNs,
        ),
    });
    this.details = new Loader<DetailAsk, DetailTile>({
      ...options,
      keptMax: 64,
      fetch: async (ask, signal) =>
        packDetail(
          await analysis.getTimelineDetail(
            { recording: whole, ...span(ask), cpus: [...ask.cpus], pids: [...ask.pids], itemsMax: kItemsMax },
            call(signal),
          ),
          source.originNs,
        ),
    });
    this.waits = new Loader<DetailAsk, WaitTile>({
      ...options,
      keptMax: 64,
      fetch: async (ask, signal) =>
        packWaits(
          await analysis.listWaits(
            { recording: recording(ask.tile), filter: { pids: [...ask.pids] }, limit: kWaitsMax },
            call(signal),
          ),
          source.originNs,
        ),
    });
  }

  private get loaders() {
    return [this.cpus, this.details, this.waits] as const;
  }

  end(): void {
    for (const loader of this.loaders) loader.end();
  }

  /** Whether all that is in sight is there. */
  get done(): boolean {
    return this.loaders.every((loader) => loader.done);
  }

  /** Why something is not there; details may lack where a server cannot tell them. */
  get problems(): { lanes: string; details: string } {
    return { lanes: this.cpus.problem || this.waits.problem, details: this.details.problem };
  }

  look(sight: Sight): void {
    this.sight = sight;
    this.level = levelFor(sight.view);
    this.bins = binsFor(sight.width, Math.max(1, ...sight.blocks.map(({ length }) => length)));
    const tiles = tilesAt(this.level, sight.view, this.source.originNs);
    const near = neighboursOf(sight.view, sight.at, this.source.originNs, sight.endNs);
    const { blocks, pids } = sight;
    if (pids.join() !== this.pids.join()) {
      this.pidsBefore = this.pids;
      this.pids = pids;
    }
    const cpuWants = (list: readonly Tile[]) =>
      blocks.flatMap((cpus) =>
        list.map((tile) => this.wanted(this.cpuKey(tile, cpus), tile, { tile, cpus, bins: this.bins })),
      );
    this.cpus.want(cpuWants(tiles), cpuWants(near));
    // What the server told slice by slice has few enough things in it to be told one by one.
    const detailWants = (list: readonly Tile[]) =>
      blocks.flatMap((cpus) => {
        const own = this.pidsWith(cpus);
        return list
          .filter((tile) => this.isFine(tile, cpus))
          .map((tile) => this.wanted(detailKey(tile, cpus, own), tile, { tile, cpus, pids: own }));
      });
    this.details.want(detailWants(tiles), detailWants(near));
    const waitWants = (list: readonly Tile[]) =>
      pids.length === 0
        ? []
        : list.map((tile) => this.wanted(detailKey(tile, [], pids), tile, { tile, cpus: [], pids }));
    this.waits.want(waitWants(tiles), waitWants(near));
  }

  /** The server reads all that happened in a tile for either: pinned threads are asked for along with the first CPUs. */
  private pidsWith(cpus: readonly number[]): readonly number[] {
    return cpus === this.sight?.blocks[0] ? this.pids : [];
  }

  private wanted<A>(key: string, tile: Tile, ask: A): Wanted<A> {
    const end = tileEndNs(tile);
    const known = this.sight!.endNs < end ? this.sight!.endNs : end;
    return { key, ask, asOf: Number(known - this.source.originNs) };
  }

  private isFine(tile: Tile, cpus: readonly number[]): boolean {
    return this.cpus.get(this.cpuKey(tile, cpus))?.binNs === 0;
  }

  private detailPieces(cpus: readonly number[]): Piece<DetailTile>[] {
    const own = this.pidsWith(cpus);
    return this.pieces((tile) => {
      if (!this.isFine(tile, cpus)) return undefined;
      // Of the CPUs, what came with other threads is as good.
      const now = this.details.get(detailKey(tile, cpus, own));
      return now ?? (own.length === 0 && this.pidsBefore.length === 0 ? undefined : this.withOthers(tile, cpus));
    });
  }

  private withOthers(tile: Tile, cpus: readonly number[]): DetailTile | undefined {
    return this.details.get(detailKey(tile, cpus, this.pidsBefore)) ?? this.details.get(detailKey(tile, cpus, []));
  }

  private statePieces(): Piece<DetailTile>[] {
    const first = this.sight?.blocks[0];
    return this.pids.length === 0 || first === undefined ? [] : this.detailPieces(first);
  }

  private cpuKey = (tile: Tile, cpus: readonly number[]) => `${keyOf(tile)} ${this.bins} ${cpus.join()}`;

  private pieces<T>(get: (tile: Tile) => T | undefined): Piece<T>[] {
    if (this.sight === undefined) return [];
    return bestOf(this.level, this.sight.view, this.source.originNs, get);
  }

  private block(cpu: number): readonly number[] {
    return this.sight?.blocks.find((cpus) => cpus.includes(cpu)) ?? [];
  }

  cpu(cpu: number): ShownCpu {
    const cpus = this.block(cpu);
    const pieces = this.pieces((tile) => this.cpus.get(this.cpuKey(tile, cpus)));
    return this.shownCpus.get(cpu, pieces, () =>
      assembleCpu(
        cpu,
        pieces.flatMap((piece) => {
          const lane = piece.value.lanes.get(cpu);
          return lane === undefined ? [] : [{ ...piece, value: lane }];
        }),
      ),
    );
  }

  activities(cpu: number): ShownActivities {
    const cpus = this.block(cpu);
    const pieces = this.detailPieces(cpus);
    if (pieces.length === 0) return kNoActivities;
    return this.shownActivities.get(cpu, pieces, () =>
      assembleActivities(
        pieces.flatMap((piece) => {
          const own = piece.value.activities.get(cpu);
          return own === undefined ? [] : [{ ...piece, value: own }];
        }),
      ),
    );
  }

  wakeups(): Wakeup[] {
    const blocks = this.sight?.blocks ?? [];
    const pieces = blocks.flatMap((cpus) => this.detailPieces(cpus));
    return this.shownWakeups.get(0, pieces, () =>
      assembleWakeups(pieces.map((piece) => ({ ...piece, value: piece.value.wakeups }))),
    );
  }

  /** Of what there is too much to be told one by one. */
  tooMany(): { activities: boolean; wakeups: boolean; spans: boolean } {
    const blocks = this.sight?.blocks ?? [];
    const details = blocks.flatMap((cpus) => this.detailPieces(cpus));
    const states = this.statePieces();
    return {
      activities: details.some(({ value }) => value.tooMany.activities),
      wakeups: details.some(({ value }) => value.tooMany.wakeups),
      spans: states.some(({ value }) => value.tooMany.spans),
    };
  }

  statesOf(pid: number): ShownStates {
    const pieces = this.statePieces();
    if (pieces.length === 0) return kNoStates;
    return this.shownStates.get(pid, pieces, () =>
      assembleStates(
        pieces.flatMap((piece) => {
          const own = piece.value.states.get(pid);
          return own === undefined ? [] : [{ ...piece, value: own }];
        }),
      ),
    );
  }

  waitsOf(pid: number): WaitSpan[] {
    const pids = this.sight?.pids ?? [];
    const pieces = this.pieces((tile) => this.waits.get(detailKey(tile, [], pids)));
    return this.shownWaits.get(pid, pieces, () => {
      const found = new Map<number, WaitSpan>();
      for (const { value } of pieces) for (const wait of value.byPid.get(pid) ?? []) found.set(wait.from, wait);
      return [...found.values()].sort((a, b) => a.from - b.from);
    });
  }

  /** Of what the tiles in sight cover: what reaches its ends may go on behind them. */
  cpuExtent(cpu: number): View {
    const cpus = this.block(cpu);
    return extentOf(this.pieces((tile) => this.cpus.get(this.cpuKey(tile, cpus))));
  }
  stateExtent(): View {
    return extentOf(this.statePieces());
  }

  /** A name that was told of a task in sight; empty: none was. */
  commOf(pid: number): string {
    for (const { value } of this.statePieces()) {
      const comm = value.comms.get(pid);
      if (comm !== undefined && comm !== "") return comm;
    }
    return this.waitsOf(pid)[0]?.message.comm ?? "";
  }
}

const detailKey = (tile: Tile, cpus: readonly number[], pids: readonly number[]) =>
  `${keyOf(tile)} ${cpus.join()} ${pids.join()}`;

// The page between its parts: what is shown and chosen, what moves, and when to draw. It knows no component and no canvas.
import type { Finding } from "../gen/wakewatch/v1/findings_pb";
import { kPinsMax, type Address, type Pointed, type TimeMode } from "./address";
import {
  activityAt,
  cpuItemAt,
  cpuItems,
  nearest,
  pidOf,
  stepFrom,
  threadItems,
  waitItem,
  wakeupItem,
  type Item,
} from "./items";
import { spanAt } from "./assemble";
import type { CpuTile, Spans } from "./lanes";
import { blocksInSight, inSight, layOut, sameLane, type Lane, type LaneId, type Layout } from "./layout";
import { isStill, kStepS, moved, type Held } from "./motion";
import { Scene, type Source } from "./scene";
import type { Clock } from "./times";
import { clamp, fit, panBy, reveal, sameView, spanOf, type View } from "./view";

export interface Range {
  from: number;
  to: number;
}
export interface Options {
  source: Source;
  bounds: View;
  originRealNs: bigint;
  cpus: readonly number[];
  overview: CpuTile | undefined;
  changed(): void; // something that components show
}

const kStepItems = 20_000;

export class Engine {
  readonly scene: Scene;
  readonly cpus: readonly number[];
  overview: CpuTile | undefined;
  bounds: View;
  view: View;
  pins: number[] = [];
  chosenCpus: number[] = [];
  layout: Layout = { lanes: [], height: 0 };
  selected: Item | undefined;
  selectedLane: LaneId | undefined;
  mark: number | undefined;
  range: Range | undefined;
  rangeFrom: number | undefined; // begun with the keyboard
  time: TimeMode = "wall";
  table = false;
  follow = false;
  panel = true;
  findings: readonly Finding[] = [];
  findingSpans: Spans = { from: new Float64Array(), to: new Float64Array() };
  names: ReadonlyMap<number, string> = new Map();
  pointer: number | undefined; // ns, where the mouse is
  announced = "";
  width = 1000;
  top = 0;
  height = 400;
  paint: (() => void) | undefined;
  private readonly held: Held = { zoom: 0, pan: 0 };
  private pending: Pointed | undefined;
  private frame = 0;
  private lastFrameMs = 0;
  private ended = false;
  private grown = false; // tiles came since it was drawn

  constructor(private readonly options: Options) {
    this.scene = new Scene(options.source, (seen) => {
      if (this.ended) return;
      if (seen) {
        this.grown = true;
        this.touch(true);
      } else this.look(); // the picture is the same: only the next is to be asked for
    });
    this.bounds = options.bounds;
    this.view = clamp(options.bounds, options.bounds);
    this.cpus = options.cpus;
    this.overview = options.overview;
  }

  end(): void {
    this.ended = true;
    cancelAnimationFrame(this.frame);
    this.scene.end();
  }

  get clock(): Clock {
    const { originNs } = this.options.source;
    return { originNs, originRealNs: this.options.originRealNs, mode: this.time, mark: this.mark };
  }
  get originNs(): bigint {
    return this.options.source.originNs;
  }
  toNs(at: number): bigint {
    return this.originNs + BigInt(Math.round(at));
  }
  private ofNs = (ns: bigint) => Number(ns - this.originNs);

  // From and to the address.

  adopt(address: Address): void {
    const { startNs, endNs } = address;
    if (startNs !== undefined || endNs !== undefined) {
      const start = startNs === undefined ? this.bounds.start : this.ofNs(startNs);
      const end = endNs === undefined ? this.bounds.end : this.ofNs(endNs);
      if (start < end) this.view = clamp({ start, end }, this.bounds);
    }
    this.pins = address.pins;
    this.chosenCpus = address.cpus;
    this.time = address.time;
    this.table = address.table;
    this.follow = address.followNs !== undefined;
    if (address.followNs !== undefined) {
      const { end } = this.bounds;
      this.view = clamp({ start: end - Number(address.followNs), end }, this.bounds);
    }
    this.mark = address.markNs === undefined ? undefined : this.ofNs(address.markNs);
    const { range } = address;
    this.range = range && { from: this.ofNs(range.fromNs), to: this.ofNs(range.toNs) };
    this.pending = address.selected;
    if (address.selected === undefined) this.selected = undefined;
    this.relayout();
    this.touch(true);
  }

  address(): Address {
    const whole = sameView(this.view, clamp(this.bounds, this.bounds)) || this.follow;
    return {
      startNs: whole ? undefined : this.toNs(this.view.start),
      endNs: whole ? undefined : this.toNs(this.view.end),
      cpus: this.chosenCpus,
      pins: this.pins,
      selected: this.pending ?? this.pointed(),
      markNs: this.mark === undefined ? undefined : this.toNs(this.mark),
      range: this.range && { fromNs: this.toNs(this.range.from), toNs: this.toNs(this.range.to) },
      time: this.time,
      table: this.table,
      followNs: this.follow ? BigInt(spanOf(this.view)) : undefined,
    };
  }

  private pointed(): Pointed | undefined {
    const item = this.selected;
    if (item === undefined) return undefined;
    // A span in view may have been cut at its start: any time within finds it again.
    const atNs = this.toNs(item.from);
    switch (item.kind) {
      case "finding":
        return { kind: "finding", id: item.finding.id };
      case "activity":
        return { kind: "activity", cpu: item.cpu, atNs };
      case "state":
      case "wait":
        return { kind: "thread", pid: item.pid, atNs };
      case "wakeup":
        return { kind: "wakeup", pid: item.pid, atNs };
      default:
        return { kind: "cpu", cpu: item.cpu, atNs };
    }
  }

  /** What the address names is selected once it came; of what is selected, more may have come. */
  private resolve(): void {
    const { pending, selected } = this;
    const cut = this.grown && (selected?.kind === "slice" || selected?.kind === "state");
    this.grown = false;
    if (cut && pending === undefined) this.selected = this.itemOf(this.pointed()!) ?? selected;
    if (pending === undefined) return;
    const item = this.itemOf(pending);
    if (item === undefined) return;
    this.pending = undefined;
    this.choose(item, false);
  }

  private itemOf(pointed: Pointed): Item | undefined {
    if (pointed.kind === "finding") {
      const finding = this.findings.find(({ id }) => id === pointed.id);
      return finding && this.findingItem(finding);
    }
    const at = this.ofNs(pointed.atNs);
    switch (pointed.kind) {
      case "cpu":
        return cpuItemAt(this.scene.cpu(pointed.cpu), at);
      case "activity":
        return activityAt(this.scene.activities(pointed.cpu), pointed.cpu, at);
      case "wakeup": {
        const found = this.scene.wakeups().find(({ from, message }) => message.pid === pointed.pid && from === at);
        return found && wakeupItem(found);
      }
      case "thread":
        return this.threadItemAt(pointed.pid, at);
    }
  }

  setFindings(findings: readonly Finding[]): void {
    this.findings = findings;
    this.findingSpans = {
      from: Float64Array.from(findings, ({ startNs }) => this.ofNs(startNs)),
      to: Float64Array.from(findings, ({ endNs }) => this.ofNs(endNs)),
    };
    this.touch(true);
  }

  findingItem(finding: Finding): Item {
    return {
      kind: "finding",
      from: this.ofNs(finding.startNs),
      to: this.ofNs(finding.endNs),
      pid: finding.pid,
      finding,
    };
  }

  threadItemAt(pid: number, at: number): Item | undefined {
    const states = this.scene.statesOf(pid);
    const waits = this.scene.waitsOf(pid);
    if (spanAt(states, at) >= 0) return threadItems(pid, this.nameOf(pid), states, [], at, at + 1, 1)[0];
    const wait = waits.find(({ from, to }) => from <= at && to > at);
    return wait && waitItem(wait);
  }

  /** Which ends of a thing are only those of what was loaded. */
  cutOf(item: Item): { start: boolean; end: boolean } {
    if (item.kind !== "slice" && item.kind !== "state") return { start: false, end: false };
    const extent = item.kind === "slice" ? this.scene.cpuExtent(item.cpu) : this.scene.stateExtent();
    return { start: item.from <= extent.start, end: item.to >= extent.end };
  }

  nameOf(pid: number): string {
    return this.scene.commOf(pid) || this.names.get(pid) || "";
  }

  /** The measured wait that holds a time; it tells what the time was spent on. */
  waitAt(pid: number, at: number) {
    return this.scene.waitsOf(pid).find(({ from, to }) => from <= at && to > at)?.message;
  }

  wakeupsIn(from: number, to: number): Extract<Item, { kind: "wakeup" }>[] {
    return this.scene
      .wakeups()
      .filter((one) => one.to >= from && one.from < to)
      .map(wakeupItem);
  }

  // What is shown.

  relayout(): void {
    const cpus = this.chosenCpus.length === 0 ? this.cpus : this.cpus.filter((cpu) => this.chosenCpus.includes(cpu));
    this.layout = layOut(this.pins, cpus);
  }

  setView(view: View, byHand = true): void {
    if (byHand) this.follow = false;
    this.view = clamp(view, this.bounds);
    this.touch(true);
  }

  setEnd(end: number): void {
    if (end <= this.bounds.end) return;
    const whole = sameView(this.view, clamp(this.bounds, this.bounds));
    this.bounds = { start: this.bounds.start, end };
    if (this.follow) this.view = panBy(this.view, end - this.view.end, this.bounds);
    else if (whole) this.view = clamp(this.bounds, this.bounds);
    this.touch(true);
  }

  setFollow(follow: boolean): void {
    this.follow = follow;
    if (follow) this.view = panBy(this.view, this.bounds.end - this.view.end, this.bounds);
    this.touch(true);
  }

  togglePin(pid: number): void {
    const pinned = this.pins.includes(pid);
    this.pins = pinned ? this.pins.filter((one) => one !== pid) : [...this.pins, pid].slice(-kPinsMax);
    this.relayout();
    this.announced = `${this.nameOf(pid) || "Thread"} ${pid} ${pinned ? "unpinned" : "pinned"}`;
    this.touch(true);
  }

  choose(item: Item | undefined, show = true): void {
    this.pending = undefined;
    this.selected = item;
    this.selectedLane = item && this.laneOf(item);
    if (item !== undefined && show) {
      const view = reveal(this.view, item.from, item.to, this.bounds);
      if (!sameView(view, this.view)) this.setView(view);
    }
    this.touch(true);
  }

  laneOf(item: Item): LaneId | undefined {
    if (item.kind === "slice" || item.kind === "bin" || item.kind === "gap" || item.kind === "activity")
      return { kind: "cpu", cpu: item.cpu };
    if (this.pins.includes(item.pid)) return { kind: "thread", pid: item.pid };
    return item.kind === "wakeup" ? { kind: "cpu", cpu: item.wakeup.targetCpu } : undefined;
  }

  /** Of a lane, what is there in time. */
  itemsOf(lane: LaneId, from: number, to: number, max = kStepItems): Item[] {
    if (lane.kind === "cpu") return cpuItems(this.scene.cpu(lane.cpu), from, to, max);
    const states = this.scene.statesOf(lane.pid);
    return threadItems(lane.pid, this.nameOf(lane.pid), states, this.scene.waitsOf(lane.pid), from, to, max);
  }

  step(by: 1 | -1): void {
    const { start, end } = this.view;
    const lane = this.selectedLane ?? this.layout.lanes.find((one) => this.itemsOf(one, start, end, 1).length > 0);
    if (lane === undefined) return;
    const span = spanOf(this.view);
    const items = this.itemsOf(lane, this.view.start - span, this.view.end + span);
    const middle = (this.view.start + this.view.end) / 2;
    const current = this.selected;
    const inLane = current !== undefined && sameLane(this.laneOf(current), lane);
    const next = inLane ? stepFrom(items, current, by) : nearest(items, middle);
    if (next !== undefined) this.choose(next);
    else if (inLane) {
      // There is no more of it here: what is beside comes into view, and the next press finds it.
      this.setView(panBy(this.view, by * span * 0.5, this.bounds));
      this.announced = "Nothing more is loaded on this side; the view moved.";
    }
  }

  stepLane(by: 1 | -1): void {
    const { lanes } = this.layout;
    const i = lanes.findIndex((lane) => sameLane(lane, this.selectedLane));
    const lane = lanes[i < 0 ? 0 : Math.min(lanes.length - 1, Math.max(0, i + by))];
    if (lane === undefined) return;
    const at = this.selected?.from ?? (this.view.start + this.view.end) / 2;
    const item = nearest(this.itemsOf(lane, this.view.start, this.view.end), Math.max(at, this.view.start));
    this.choose(item, false);
    this.selectedLane = lane;
    this.bringUp(lane);
  }

  /** Set by who scrolls. */
  bringUp: (lane: Lane) => void = () => undefined;

  fitSelection(): void {
    const to = this.selected ?? this.range;
    if (to === undefined) return;
    this.setView(fit(to.from, to.to, this.bounds));
  }

  /** Where an action takes place that needs a time. */
  cursor(): number {
    return this.selected?.from ?? this.pointer ?? (this.view.start + this.view.end) / 2;
  }

  toggleMark(): void {
    const at = Math.round(this.cursor());
    this.mark = this.mark === at ? undefined : at;
    this.announced = this.mark === undefined ? "Mark cleared" : "Mark set";
    this.touch(true);
  }

  toggleRange(): void {
    const at = Math.round(this.cursor());
    if (this.rangeFrom === undefined) {
      this.rangeFrom = at;
      this.announced = "Range begun; R again ends it";
    } else {
      const from = Math.min(this.rangeFrom, at);
      const to = Math.max(this.rangeFrom, at);
      this.rangeFrom = undefined;
      if (to > from) this.range = { from, to };
    }
    this.touch(true);
  }

  clear(): void {
    if (this.selected !== undefined || this.pending !== undefined) this.choose(undefined);
    else if (this.rangeFrom !== undefined) this.rangeFrom = undefined;
    else this.range = undefined;
    this.touch(true);
  }

  selectedPid(): number | undefined {
    return this.selected && pidOf(this.selected);
  }

  // Motion and drawing.

  hold(change: Partial<Held>, byStep: boolean): void {
    if (byStep) {
      this.setView(moved(this.view, { zoom: 0, pan: 0, ...change }, kStepS * 2, this.anchor(), this.bounds));
      return;
    }
    const before = isStill(this.held);
    Object.assign(this.held, change);
    if (before && !isStill(this.held)) {
      this.setView(moved(this.view, this.held, kStepS / 4, this.anchor(), this.bounds));
      this.lastFrameMs = performance.now();
    }
    this.touch(false);
  }

  release(): void {
    this.held.zoom = 0;
    this.held.pan = 0;
  }

  private anchor(): number {
    const { pointer, view } = this;
    return pointer !== undefined && pointer >= view.start && pointer <= view.end
      ? pointer
      : (view.start + view.end) / 2;
  }

  /** Draws with the next frame; `told` when components must hear of it too. */
  touch(told: boolean): void {
    if (this.ended) return;
    if (told) this.options.changed();
    if (this.frame === 0) this.frame = requestAnimationFrame((ms) => this.draw(ms));
  }

  look(): void {
    const seen = inSight(this.layout, this.top - 100, this.height + 200);
    const cpus = this.layout.lanes.flatMap((lane) => (lane.kind === "cpu" ? [lane.cpu] : []));
    this.scene.look({
      view: this.view,
      width: this.width,
      at: this.anchor(),
      blocks: blocksInSight(
        cpus,
        seen.flatMap((lane) => (lane.kind === "cpu" ? [lane.cpu] : [])),
      ),
      pids: this.pins,
      endNs: this.toNs(this.bounds.end),
    });
  }

  private draw(ms: number): void {
    this.frame = 0;
    if (this.ended) return;
    if (!isStill(this.held)) {
      const seconds = Math.min(0.1, Math.max(0, (ms - this.lastFrameMs) / 1000));
      this.lastFrameMs = ms;
      this.follow = false;
      this.view = moved(this.view, this.held, seconds, this.anchor(), this.bounds);
      this.options.changed();
      this.frame = requestAnimationFrame((next) => this.draw(next));
    }
    this.look();
    this.resolve();
    this.paint?.();
  }
}

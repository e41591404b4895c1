// Fetches what is wanted, keeps what came, and gives up what nobody wants any more. It knows nothing of what it fetches.

export interface Wanted<A> {
  key: string;
  ask: A;
  /** How far the source had got when this is asked; what was fetched with less, and may have grown since, is old. */
  asOf?: number;
}

interface Kept<T> {
  value: T;
  asOf: number; // Infinity: it cannot change
  used: number;
}
interface Flight {
  abort: AbortController;
  asOf: number;
}
interface Failure {
  problem: string;
  definite: boolean;
  atMs: number;
}

export interface LoaderOptions<A, T> {
  fetch(ask: A, signal: AbortSignal): Promise<T>;
  /** `hopeless`: nothing else will be answered either. */
  explain(error: unknown): { problem: string; definite: boolean; hopeless?: boolean };
  /** Something came or failed. `seen`: it was needed, or a failure is to be told. */
  changed(seen: boolean): void;
  now(): number; // ms
  flightsMax: number;
  keptMax: number;
}

const kAgainMs = 2000; // after a failure

export class Loader<A, T> {
  private readonly kept = new Map<string, Kept<T>>();
  private readonly flights = new Map<string, Flight>();
  private readonly failures = new Map<string, Failure>();
  private needed: ReadonlySet<string> = new Set();
  private clock = 0;
  private complete = false;
  private ended = false;
  private hopeless = false;
  problem = "";

  constructor(private readonly options: LoaderOptions<A, T>) {}

  get(key: string): T | undefined {
    const kept = this.kept.get(key);
    if (kept === undefined) return undefined;
    kept.used = ++this.clock;
    return kept.value;
  }

  /** Whether all that is needed was there when it was last wanted. */
  get done(): boolean {
    return this.complete;
  }

  /** `needed` now, in this order; `spare` only while nothing needed is missing. Everything else in flight is given up. */
  want(needed: readonly Wanted<A>[], spare: readonly Wanted<A>[] = []): void {
    if (this.ended || this.hopeless) return;
    this.needed = new Set(needed.map(({ key }) => key));
    const missing = needed.filter((one) => this.lacks(one));
    this.complete = missing.every(({ key }) => this.kept.has(key) || this.failures.has(key));
    const wanted = missing.length === 0 ? spare.filter((one) => this.lacks(one)) : missing;
    const keys = new Set([...this.needed, ...spare.map(({ key }) => key)]);
    const urgent = new Set(missing.map(({ key }) => key));
    for (const [key, flight] of this.flights) {
      if (keys.has(key) && (missing.length === 0 || urgent.has(key))) continue;
      this.flights.delete(key);
      flight.abort.abort();
    }
    for (const one of wanted) {
      if (this.flights.size >= this.options.flightsMax) break;
      if (!this.flights.has(one.key) && !this.failedLately(one.key)) this.start(one);
    }
    if (missing.length === 0) this.problem = "";
  }

  clear(): void {
    for (const { abort } of this.flights.values()) abort.abort();
    this.flights.clear();
    this.kept.clear();
    this.failures.clear();
    this.problem = "";
  }

  end(): void {
    this.clear();
    this.ended = true;
  }

  private lacks({ key, asOf }: Wanted<A>): boolean {
    const kept = this.kept.get(key);
    return kept === undefined || (asOf !== undefined && kept.asOf < asOf);
  }

  private failedLately(key: string): boolean {
    const failure = this.failures.get(key);
    return failure !== undefined && (failure.definite || this.options.now() - failure.atMs < kAgainMs);
  }

  private start({ key, ask, asOf = Infinity }: Wanted<A>): void {
    const flight: Flight = { abort: new AbortController(), asOf };
    this.flights.set(key, flight);
    const over = () => {
      const current = this.flights.get(key) === flight;
      if (current) this.flights.delete(key);
      return current;
    };
    this.options.fetch(ask, flight.abort.signal).then(
      (value) => {
        if (!over()) return;
        this.failures.delete(key);
        this.kept.set(key, { value, asOf, used: ++this.clock });
        this.shrink();
        this.options.changed(this.needed.has(key));
      },
      (error: unknown) => {
        if (!over()) return;
        const { problem, definite, hopeless } = this.options.explain(error);
        this.failures.set(key, { problem, definite, atMs: this.options.now() });
        this.problem = problem;
        if (hopeless) this.giveUp();
        this.options.changed(true);
      },
    );
  }

  private giveUp(): void {
    this.hopeless = true;
    this.complete = true;
    for (const { abort } of this.flights.values()) abort.abort();
    this.flights.clear();
  }

  private shrink(): void {
    if (this.kept.size <= this.options.keptMax) return;
    const oldest = [...this.kept].sort(([, a], [, b]) => a.used - b.used);
    for (const [key] of oldest.slice(0, this.kept.size - this.options.keptMax)) this.kept.delete(key);
  }
}

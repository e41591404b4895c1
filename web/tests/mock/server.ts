// Answers like the server, out of made-up data, under the same security policy; and breaks when it is told to.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { extname, join, normalize } from "node:path";
import {
  AnalysisService,
  type CompareRequest,
  type GetDelaysRequest,
  type GetTimelineRequest,
  ListSoftirqsResponseSchema,
  ListWorkResponseSchema,
  type ListThreadsResponse,
  ListThreadsResponseSchema,
} from "../../src/gen/wakewatch/v1/analysis_pb";
import { FindingService, type Finding } from "../../src/gen/wakewatch/v1/findings_pb";
import { filterFrom, groupsOf } from "./groups";
import { FleetService, HostStatus, type Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import { Role } from "../../src/gen/wakewatch/v1/options_pb";
import { kNoFilter, matches } from "../../src/state/findings";
import { buckets, finding, hosts, nowNs, quantiles, randomFrom, threads } from "./data";
import { comparison } from "./compare";
import { kChecks, schedulerRules, kObligations, kUndecidable } from "./model";
import { ProtocolService } from "../../src/gen/wakewatch/v1/protocol_pb";
import { heatMap } from "./heat_map";
import { SqlService } from "../../src/gen/wakewatch/v1/sql_pb";
import { checkOf, kProtocols, textOf } from "./protocols";
import { answer as answerOf, kSchema } from "./sql";
import { kTimelineAsksFromNs, timeline, timelineDetail, worldWaits } from "./timeline";
import { Imports } from "./imports";
import { ImportService } from "../../src/gen/wakewatch/v1/import_pb";
import { Triages } from "./triages";
import { chainOf, delays, kGone, older, recordings, waits, worst } from "./waits";

// Stricter than what the dashboard needs to be served with: no HTML may be made out of strings at all.
export const kPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const kTypes: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export class Mock {
  readonly hosts: Host[] = hosts();
  readonly findings: Finding[] = [];
  readonly updates: Finding[] = [];
  readonly imports = new Imports(this.hosts);
  readonly triages = new Triages();
  /** Messages that the next WatchFindings answers report as missed. */
  missed = 0n;
  /** While set, streams say nothing and calls are refused, but connections stay. */
  stalled = false;
  /** Who calls; nobody is asked while the name is empty. */
  caller: { name: string; roles: Role[]; signedIn: boolean } = {
    name: "",
    roles: [Role.READ, Role.IMPORT, Role.ADMIN],
    signedIn: false,
  };
  /** While set, nobody is let in. */
  signedOut = false;
  /** What the parts of every worst wait are short of its latency. */
  shortNs = 0n;
  /** While set, there is no GetTimelineDetail. */
  detailRefused = false;
  readonly timelinesAsked: GetTimelineRequest[] = [];
  /** Recordings of the first host that are older than all others; the last of them has gone meanwhile. */
  olderRecordings = 0;
  /** Of every host. */
  userTasks = 2000;
  /** Every request of GetDelays, in order. */
  readonly delaysAsked: GetDelaysRequest[] = [];
  /** And of Compare. */
  readonly comparesAsked: CompareRequest[] = [];
  /** Whoever calls finds the connection ended. */
  refusing = false;
  port = 0;
  private tick = 0;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly waiters = new Set<() => void>();

  constructor(readonly folder: string) {
    for (let i = 0; i < 20; i++) this.findings.push(finding(i, i < 12 ? "build-01" : i < 19 ? "db-eu-1" : "edge-7"));
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The same port after a restart; a free one for 0. */
  async start(port = this.port): Promise<void> {
    const answer = connectNodeAdapter({ routes: (router) => this.routes(router) });
    const server = createServer((request, response) => this.serve(request, response, answer));
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    const listen = (port: number) =>
      new Promise<boolean>((resolve, reject) => {
        const failed = (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error));
        server.once("error", failed);
        server.listen(port, "127.0.0.1", () => {
          server.off("error", failed);
          resolve(true);
        });
      });
    // Below those that the kernel gives to whoever asks or connects: nobody takes it while the mock is stopped.
    const one = () => (port === 0 ? 15_000 + Math.floor(Math.random() * 17_000) : port);
    for (let tries = 0; !(await listen((this.port = one()))); tries++)
      if (port !== 0 || tries === 100) throw new Error(`port ${this.port} is taken`);
    this.server = server;
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    this.cut();
    await closed;
  }

  /** Breaks every connection in the middle of whatever it carries. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** What was open ends, with the next message. */
  closeFinding(id: string): void {
    const at = this.findings.findIndex((one) => one.id === id);
    this.findings[at] = { ...this.findings[at]!, open: false, explanation: "It was woken by its rescuer." };
    this.updates.push(this.findings[at]!);
  }

  addFinding(index: number, host: string): Finding {
    const made = finding(index, host);
    this.findings.push(made);
    for (const wake of this.waiters) wake();
    return made;
  }

  private serve(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (q: IncomingMessage, s: ServerResponse) => void,
  ) {
    response.setHeader("Content-Security-Policy", kPolicy);
    response.setHeader("X-Content-Type-Options", "nosniff");
    const origin = request.headers.origin;
    if (origin !== undefined && origin !== `http://${request.headers.host}`) {
      response.writeHead(403).end("another origin");
      return;
    }
    const path = new URL(request.url ?? "/", "http://x").pathname;
    if (path === "/login") {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end("<!doctype html><title>Sign in</title><h1>A token, please</h1>");
      return;
    }
    if (path === "/logout") {
      this.signedOut = request.method === "POST";
      response.writeHead(this.signedOut ? 303 : 405, { location: "/login" }).end();
      return;
    }
    if (path.startsWith("/wakewatch.v1.") && this.refusing) request.socket.destroy();
    else if (path.startsWith("/wakewatch.v1.")) answer(request, response);
    else this.serveFile(path, response);
  }

  private serveFile(path: string, response: ServerResponse) {
    let file = normalize(join(this.folder, path === "/" ? "index.html" : path));
    if (!file.startsWith(this.folder) || !existsSync(file) || !statSync(file).isFile())
      file = join(this.folder, "index.html");
    response.setHeader("Content-Type", kTypes[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  }

  private pause(ms: number, context: HandlerContext): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiters.delete(done);
        context.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.waiters.add(done);
      context.signal.addEventListener("abort", done, { once: true });
    });
  }

  private known(name: string | undefined): Host {
    const host = this.hosts.find((one) => one.name === name);
    if (host === undefined) throw new ConnectError(`there is no host ${name}`, Code.NotFound);
    return host;
  }

  private step() {
    this.tick++;
    const random = randomFrom(this.tick);
    for (const host of this.hosts) {
      if (host.status !== HostStatus.STREAMING) continue;
      host.eventsPerS = Math.max(0, host.eventsPerS * (0.93 + 0.14 * random()));
      host.events += BigInt(Math.round(host.eventsPerS));
      host.lastBatchRealNs = nowNs();
      host.watermarkRealNs = nowNs() - host.lagNs;
      host.watermarkNs += 1_000_000_000n;
    }
  }

  private threadsOf(name: string | undefined, userTasks: boolean): ListThreadsResponse {
    const host = this.known(name);
    const list = threads(host.cpus, host.gaps > 0n, userTasks ? this.userTasks : 0);
    for (const thread of list) if (thread.wakeups > 0n) thread.wakeups += BigInt(this.tick * (1 + (thread.pid % 5)));
    return create(ListThreadsResponseSchema, {
      recording: host.recording,
      watermarkNs: host.watermarkNs,
      threads: list,
    });
  }

  private routes(router: ConnectRouter) {
    const self = this;
    router.service(FleetService, {
      listHosts: () => ({ hosts: self.hosts }),
      getCaller: () => self.caller,
      listRecordings: ({ host }) => ({
        recordings: [
          ...(host === "" ? self.hosts : [self.known(host)]).flatMap(recordings),
          ...older(self.hosts[0]!, host, self.olderRecordings),
        ],
      }),
      async *watchHosts(_, context) {
        if (self.signedOut) throw new ConnectError("this needs a token", Code.Unauthenticated);
        const told = new Set<string>();
        for (let first = true; !context.signal.aborted; first = false) {
          self.step();
          const changed = self.hosts.filter(
            ({ name, status }) => first || status === HostStatus.STREAMING || !told.has(name),
          );
          for (const { name } of changed) told.add(name);
          if (!self.stalled) yield { hosts: changed, realNs: nowNs() };
          await self.pause(1000, context);
        }
      },
      getServer: () => {
        if (self.stalled) throw new ConnectError("the server does not answer", Code.Unavailable);
        return { version: "0.1.0" };
      },
    });
    router.service(FindingService, {
      listFindings(request) {
        const all = self.findings.filter(
          (one) => matches(filterFrom(request), one) && self.triages.shows(request, one),
        );
        const order = request.worstFirst
          ? (a: Finding, b: Finding) => Number(b.waitedNs - a.waitedNs)
          : (a: Finding, b: Finding) => Number(b.startRealNs - a.startRealNs);
        return { findings: [...all].sort(order).slice(0, request.limit || 500), total: BigInt(all.length) };
      },
      listFindingGroups({ filter }) {
        if (filter!.recording === kGone) throw new ConnectError("there is no such recording", Code.NotFound);
        return groupsOf(
          self.findings.filter((one) => matches(filterFrom(filter!), one) && self.triages.shows(filter!, one)),
        );
      },
      annotateFindings: ({ annotation }) => self.triages.say(annotation!, self.caller.roles),
      listAnnotations: (request) => self.triages.list(request),
      getFinding(request) {
        const found = self.findings.find((one) => one.host === request.host && one.id === request.id);
        if (found === undefined)
          throw new ConnectError(`host ${request.host} has no finding ${request.id}`, Code.NotFound);
        return { finding: found };
      },
      async *watchFindings(request, context) {
        const ofHost = () =>
          self.findings.filter((one) =>
            matches({ ...kNoFilter, host: request.host, kernelOnly: request.kernelOnly }, one),
          );
        let sent = Math.max(0, ofHost().length - request.backlog);
        let updates = self.updates.length;
        while (!context.signal.aborted) {
          const all = ofHost();
          const missed = self.missed;
          self.missed = 0n;
          const updated = self.updates
            .slice(updates)
            .filter(({ host }) => request.host === "" || host === request.host);
          if (all.length > sent || missed > 0n || updated.length > 0)
            yield { findings: [...all.slice(sent), ...updated], missed };
          sent = all.length;
          updates = self.updates.length;
          await self.pause(1000, context);
        }
      },
    });
    router.service(ImportService, self.imports.routes());
    router.service(ProtocolService, {
      listProtocols: () => ({ protocols: kProtocols, complete: false }),
      getProtocol({ name }) {
        const protocol = kProtocols.find((one) => one.name === name);
        if (protocol === undefined) throw new ConnectError(`there is no shipped protocol "${name}"`, Code.NotFound);
        return { protocol, text: textOf(protocol) };
      },
      checkProtocol: (request) => checkOf(request),
    });
    router.service(SqlService, {
      getSchema: () => kSchema,
      query: (request, context) => answerOf(request, (ms) => self.pause(ms, context)),
    });
    router.service(AnalysisService, {
      listThreads: (request) => self.threadsOf(request.recording?.host, request.userTasks),
      async *watchThreads(request, context) {
        while (!context.signal.aborted) {
          if (!self.stalled) yield self.threadsOf(request.recording?.host, request.userTasks);
          await self.pause(request.intervalMs || 1000, context);
        }
      },
      getThread(request) {
        const found = self.threadsOf(request.recording?.host, true).threads.filter(({ pid }) => pid === request.pid);
        if (found.length === 0) throw new ConnectError(`there is no thread ${request.pid}`, Code.NotFound);
        return {
          threads: found.map((summary) => ({
            summary,
            wakeupLatency: buckets(summary.wakeupLatency, 1),
            delivery: buckets(summary.delivery, 2),
            runqueue: buckets(summary.runqueue, 3),
            preempted: buckets(summary.preempted, 4),
            excessLatency: buckets(summary.excessLatency, 5),
            worst: summary.kind === "user" ? [] : worst(summary, self.shortNs),
          })),
        };
      },
      listWork(request) {
        const host = self.known(request.recording?.host);
        const random = randomFrom(5);
        const names = [
          "vmstat_update",
          "wb_workfn",
          "blk_mq_run_work_fn",
          "flush_to_ldisc",
          "neigh_periodic_work",
          "drain_local_pages_wq",
          "mlx5_cmd_work_handler",
          "<b>not a function</b>",
        ];
        return create(ListWorkResponseSchema, {
          recording: host.recording,
          watermarkNs: host.watermarkNs,
          work: names.map((name) => ({
            function: name,
            queueToStart: quantiles(random, 40 + Math.floor(random() * 9000), 21_000),
            run: quantiles(random, 40 + Math.floor(random() * 9000), 9_000),
            voided: host.gaps,
            unmatched: 1n,
          })),
        });
      },
      listSoftirqs(request) {
        const host = self.known(request.recording?.host);
        const random = randomFrom(6);
        const names = ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"];
        return create(ListSoftirqsResponseSchema, {
          recording: host.recording,
          watermarkNs: host.watermarkNs,
          softirqs: names.map((vector) => {
            const n = vector === "IRQ_POLL" ? 0 : Math.floor(random() * 90_000);
            return {
              vector,
              raiseToEntry: quantiles(random, n, 3_000),
              entries: BigInt(n),
              inKsoftirqd: BigInt(n >> 7),
            };
          }),
          tasklets: [
            {
              function: "tcp_tasklet_func",
              raiseToEntry: quantiles(random, 900, 4_000),
              run: quantiles(random, 900, 1_500),
            },
          ],
        });
      },
      getModel(request) {
        const name = request.recording?.host ?? "";
        const gaps = name === "" ? 0n : self.known(name).gaps;
        return {
          checks: kChecks,
          modelVersion: 1,
          schedulerRules: schedulerRules(name !== "", gaps),
          ...(name === "" ? {} : { obligations: kObligations, undecidable: kUndecidable }),
        };
      },
      getDelays(request) {
        self.delaysAsked.push(request);
        return delays(request, self.known(request.recording?.host));
      },
      listWaits(request) {
        const host = self.known(request.recording?.host);
        const { sinceNs = 0n, untilNs = 0n } = request.recording ?? {};
        // The timeline asks for spans with both ends in its own world.
        if (sinceNs < kTimelineAsksFromNs || untilNs === 0n) return waits(request, host);
        return worldWaits(request.filter?.pids ?? [], sinceNs, untilNs, host, request.limit);
      },
      getTimeline(request) {
        self.timelinesAsked.push(request);
        return timeline(request, self.known(request.recording?.host));
      },
      getTimelineDetail(request) {
        if (self.detailRefused) throw new ConnectError("there is no RPC of this name", Code.Unimplemented);
        return timelineDetail(request, self.known(request.recording?.host));
      },
      getHeatMap: (request) => heatMap(request, self.known(request.recording?.host)),
      getChain: (request) => chainOf(request),
      compare(request) {
        self.comparesAsked.push(request);
        return comparison(request, self.known(request.before?.host), self.known(request.after?.host));
      },
    });
  }
}

// Makes the TypeScript of the wire contract with protoc, into src/gen. PROTOC and WAKEWATCH_PROTO name another compiler
// and another folder than the tree's.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const protoc = process.env.PROTOC ?? "protoc";
const root = process.env.WAKEWATCH_PROTO ?? join(web, "..", "proto");
const folder = join(root, "wakewatch", "v1");
const out = join(web, "src", "gen");

function fail(words) {
  console.error(`generate: ${words}`);
  process.exit(1);
}

if (!existsSync(folder)) fail(`${folder} is not there; set WAKEWATCH_PROTO to the folder that holds wakewatch/v1`);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const protos = readdirSync(folder)
  .filter((name) => name.endsWith(".proto"))
  .map((name) => join(folder, name));
const plugin = join(web, "node_modules", ".bin", "protoc-gen-es");
const made = spawnSync(
  protoc,
  ["-I", root, `--plugin=protoc-gen-es=${plugin}`, `--es_out=${out}`, "--es_opt=target=ts", ...protos],
  { stdio: "inherit" },
);
if (made.error) fail(`${protoc} does not start: ${made.error.message}; install protobuf-compiler or set PROTOC`);
if (made.status !== 0) fail(`${protoc} ended with ${made.status}`);

// The mock server by itself, for looking at the pages: npm run build && npm run mock [PORT]
import { join } from "node:path";
import { Mock } from "./server";

const mock = new Mock(process.env.WAKEWATCH_WEB_OUT ?? join(process.cwd(), "dist"));
await mock.start(Number(process.argv[2] ?? "8099"));
console.log(mock.url);

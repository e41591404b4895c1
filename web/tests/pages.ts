// Every page with what it needs to show something: for pictures, and for tests that hold everywhere.
import type { Mock } from "./mock/server";

const host = (name: string, rest = "") => `#/host/${encodeURIComponent(name)}${rest}`;

export interface Listed {
  name: string;
  address: string;
}

export function allPages(mock: Mock): Listed[] {
  const query = encodeURIComponent("SELECT * FROM waits LIMIT 40");
  const pages: [string, string][] = [
    ["fleet", "#/"],
    ["threads", host("db-eu-1")],
    ["detail", host("db-eu-1", "?pid=9")],
    ["user", host("edge-7", "?user=1&sort=comm")],
    ["hostile_threads", host("build-01", "?sort=-pid")],
    ["work", host("build-01", "/work")],
    ["softirqs", host("build-01", "/softirqs")],
    ["delays", host("db-eu-1", "/delays")],
    ["model", host("db-eu-1", "/model")],
    ["thread", host("db-eu-1", "/thread/9")],
    ["hostile_thread", host("build-01", "/thread/49")],
    ["host_findings", host("build-01", "/findings")],
    ["findings", "#/findings"],
    ["all_findings", "#/findings?view=all"],
    ["finding", `#/finding/build-01/${mock.findings[0]!.id}`],
    ["hostile_finding", `#/finding/build-01/${mock.findings[5]!.id}`],
    ["suspicion", `#/finding/build-01/${mock.findings[9]!.id}`],
    ["protocols", "#/protocols"],
    ["protocol", "#/protocol/kthread_check_before_set"],
    ["check", "#/check"],
    ["compare", "#/compare?before=db-eu-1%2F20261120T090000-1&after=build-01%2F"],
    ["compare_choice", "#/compare?after=build-01%2F"],
    ["import", "#/import"],
    ["timeline", host("build-01", "/timeline")],
    ["timeline_afar", host("db-eu-1", "/timeline?start=86399.9&end=86401.9&pin=9,14&cpu=0-9")],
    ["timeline_near", host("edge-7", "/timeline?start=86400&end=86400.0026&pin=5000,14&sel=thread:5000@86400.00081")],
    ["timeline_table", host("edge-7", "/timeline?start=86400&end=86400.0026&table=1&range=86400.0004,86400.0011")],
    ["sql", `#/sql?host=build-01&q=${query}&chart=line:start_ns:latency_ns`],
    ["sql_error", "#/sql?host=build-01&q=SELEC"],
    ["unknown", "#/nothing"],
    [
      "hostile_address",
      `#/host/${encodeURIComponent("<img src=x onerror=alert(1)>")}?q=%3Cscript%3Ealert(1)%3C/script%3E`,
    ],
    ["no_host", host("nobody")],
  ];
  return pages.map(([name, address]) => ({ name, address }));
}

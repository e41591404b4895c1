import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { GetCallerResponseSchema } from "../gen/wakewatch/v1/fleet_pb";
import { Role } from "../gen/wakewatch/v1/options_pb";
import { callerWords, type CallerWords } from "./caller";

it.each<[string, { name: string; roles: Role[]; signedIn: boolean }, CallerWords | undefined]>([
  ["nobody is asked", { name: "", roles: [Role.READ, Role.ADMIN], signedIn: false }, undefined],
  [
    "a reader at the page /login",
    { name: "me", roles: [Role.READ], signedIn: true },
    { name: "me", may: "May read", canSignOut: true },
  ],
  [
    "a token that a proxy adds",
    { name: "ops", roles: [Role.IMPORT, Role.READ, Role.ADMIN], signedIn: false },
    { name: "ops", may: "May import recordings, read, change what is kept here", canSignOut: false },
  ],
  [
    "a role that this page does not know",
    { name: "new", roles: [99 as Role], signedIn: true },
    { name: "new", may: "May do nothing", canSignOut: true },
  ],
])("a caller: %s", (_, message, words) => {
  expect(callerWords(create(GetCallerResponseSchema, message))).toEqual(words);
});

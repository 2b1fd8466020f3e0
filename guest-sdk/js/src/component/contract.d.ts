/**
 * What componentize-qjs makes of `wit/actor.wit`, as types: 64-bit numbers are numbers, none is null, a variant is
 * `{ tag, val }`. Written by hand; `test/contract.test.js` compares names and parameters with the WIT.
 * Used by the modules beside it only: nothing of it reaches an author.
 */

type WitActorId = { kind: string; id: string };
type WitHeaders = [string, string][];
type WitPayload = { headers: WitHeaders; body: Uint8Array };
type WitFault = { code: string; text: string };
type WitLevel = "trace" | "debug" | "info" | "warn" | "error";
type WitOptions = { headers: WitHeaders; priority: "normal" | "high" | "low" };
type WitEnding =
  | { tag: "replied" | "done" | "timed-out" }
  | { tag: "refused" | "failed"; val: WitFault };
type WitMessage = {
  id: string;
  sender: WitActorId | null;
  subject: string;
  headers: WitHeaders;
  body: Uint8Array;
  acceptedAtMs: number;
  attempt: number;
  replyToken: string | null;
  answer: { token: string; memo: Uint8Array; ending: WitEnding } | null;
};
type WitOutcome = { tag: "done" | "later" } | { tag: "reply"; val: WitPayload };
type WitFailure =
  | { tag: "refuse" | "fail" | "suspend"; val: WitFault }
  | { tag: "retry"; val: { fault: WitFault; afterMs: number | null } };
type WitSchedule =
  | { tag: "at-ms" | "after-ms" | "every-ms"; val: number }
  | { tag: "cron"; val: [string, string] };

declare module "hydra:actor/runtime@0.1.0" {
  const runtime: {
    self(): WitActorId;
    log(level: WitLevel, text: string): void;
    nowMs(): number;
    random(len: number): Uint8Array;
    config(key: string): string | null;
  };
  export default runtime;
}

declare module "hydra:actor/state@0.1.0" {
  const state: {
    get(): Uint8Array | null;
    set(bytes: Uint8Array): void;
    delete(): void;
  };
  export default state;
}

declare module "hydra:actor/messaging@0.1.0" {
  const messaging: {
    send(to: WitActorId, subject: string, body: Uint8Array, options: WitOptions | null): void;
    request(to: WitActorId, subject: string, body: Uint8Array, timeoutMs: number, memo: Uint8Array, options: WitOptions | null): string;
    answer(replyToken: string, answer: WitPayload): void;
  };
  export default messaging;
}

declare module "hydra:actor/timers@0.1.0" {
  const timers: {
    set(name: string, when: WitSchedule, body: Uint8Array, missed: "fire-once" | "skip"): void;
    cancel(name: string): void;
  };
  export default timers;
}

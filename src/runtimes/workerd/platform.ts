import type { AdmissionStub } from '../../admission/remote/protocol.ts'

// What we use of Cloudflare's API, by hand: its type package replaces the DOM's types for the whole program.

export interface WorkerEnv {
  readonly GATE: GateNamespace
  /** Variables and secrets, under the names that the environment has elsewhere. */
  readonly [name: string]: unknown
}

interface GateNamespace {
  idFromName(name: string): object
  get(id: object): AdmissionStub
}

export interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void
}

export interface ObjectState {
  readonly storage: {
    readonly sql: SqlStorage
    setAlarm(time: number): Promise<void>
  }
}

interface SqlStorage {
  exec(query: string, ...values: readonly (string | number | null)[]): Iterable<SqlRow>
}

export type SqlRow = Readonly<Record<string, unknown>>

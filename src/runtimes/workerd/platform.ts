import type { AdmissionStub } from '../../admission/remote/protocol.ts'

// The parts of Cloudflare's API that we use, written by hand: its type package replaces the DOM's types everywhere.

export interface WorkerEnv {
  readonly GATE: GateNamespace
  /** Variables and secrets, under the same names as the environment variables of a process. */
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

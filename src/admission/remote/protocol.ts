import type { Outcome } from '../observer.ts'
import type { RefusalCode, RefusalFacts } from '../refusal.ts'

/** A slot goes back this long after it was last renewed: what an isolate that dies can cost. */
export const LEASE_MS = 30_000
/** A granted slot whose caller does not say that it heard of it goes back after this. */
export const CLAIM_MS = 5_000
export const RENEW_EVERY_MS = 10_000

/** What a call asks the gate for. */
export interface AcquireRequest {
  readonly model: string
  /** Milliseconds until it is of no use any more. A span, because the two sides have clocks of their own. */
  readonly waitMs: number
  /** Of the body that its isolate keeps meanwhile. */
  readonly bytes: number
}

export type AcquireResult =
  | { readonly granted: true; readonly waitMs: number }
  | { readonly granted: false; readonly code: RefusalCode; readonly facts: RefusalFacts }

/** The gate as a Worker sees it. Every request may be sent again; rejects when the gate cannot be reached. */
export interface AdmissionStub {
  /** Answers once the slot is there or refused. */
  acquire(id: string, request: AcquireRequest): Promise<AcquireResult>
  /** False: the slot had gone back, ask again. */
  claim(id: string): Promise<boolean>
  /** False: the slot had gone back and may be another's. */
  renew(id: string): Promise<boolean>
  /** `served`: Ollama answered the call without an error. */
  release(id: string, outcome: Outcome, loadMs: number, served: boolean): Promise<void>
  /** Our own pages. */
  fetch(request: Request): Promise<Response>
}

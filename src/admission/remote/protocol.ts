import type { Call, CallReport, PlaceInLine } from '../contract.ts'
import type { Outcome } from '../observer.ts'
import type { Refusal, RefusalCode, RefusalFacts } from '../refusal.ts'
import type { CallerFacts } from './caller-facts.ts'

/** A slot goes back this long after its last renewal: the longest time that an isolate that died can hold a slot. */
export const LEASE_MS = 30_000
/** A granted slot goes back after this unless its isolate claims the slot. */
export const CLAIM_MS = 5_000
export const RENEW_EVERY_MS = 10_000

/** The call as an isolate describes it. The isolate holds the body of the call meanwhile. */
export interface AcquireRequest extends Omit<Call, 'caller' | 'deadline'> {
  readonly caller: CallerFacts
  /** Milliseconds after which a slot is of no use to the call. A span, because each side has a clock of its own. */
  readonly waitMs: number
}

/** `loads`: as far as the origin knows, Ollama loads the model for this call, so the isolate tells when Ollama answers. */
export type AcquireResult =
  | { readonly granted: true; readonly waitMs: number; readonly slots: number; readonly loads: boolean }
  | { readonly granted: false; readonly code: RefusalCode; readonly facts: RefusalFacts }

export function refused({ code, facts }: Refusal): AcquireResult {
  return { granted: false, code, facts }
}

/** The admission of all isolates, as one isolate reaches it. Each request may be sent again. Rejects when unreachable. */
export interface AdmissionStub {
  /** Answers once the slot is granted or refused. */
  acquire(id: string, request: AcquireRequest): Promise<AcquireResult>
  /** False: the slot had gone back, ask again. */
  claim(id: string): Promise<boolean>
  /** False: the slot had gone back and may be another's. */
  renew(id: string): Promise<boolean>
  /** Where a call stands in line. Undefined for a call that does not stand there. */
  place(id: string): Promise<PlaceInLine | undefined>
  /** Ollama has begun to answer the call. */
  began(id: string): Promise<void>
  release(id: string, outcome: Outcome, report?: CallReport): Promise<void>
  /** A request of a client may have changed the models of Ollama. */
  modelsChanged(): Promise<void>
  /** Our own pages. */
  fetch(request: Request): Promise<Response>
}

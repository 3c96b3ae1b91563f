import type { FinishedCall } from './contract.ts'

/** The status of the answer to a call, also where signs of life came first and the client was given 200. */
export function meantStatus({ lateStatus, status }: Pick<FinishedCall, 'lateStatus' | 'status'>): number {
  return lateStatus ?? status
}

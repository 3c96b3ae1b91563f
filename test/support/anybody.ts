import { EVERYBODY } from '../../src/callers/caller.ts'
import type { Requester } from '../../src/relay/contract.ts'

/** The sender of a call where callers do not matter. */
export const ANYBODY: Requester = { caller: EVERYBODY, user: undefined, withheld: undefined }

import type { Clock } from '../clock.ts'
import type { Question, Script } from './answer.ts'
import type { Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'
import type { Faults } from './faults.ts'
import type { Ids } from './ids.ts'
import type { Library } from './models.ts'

/** What the routes share. */
export interface World {
  readonly clock: Clock
  readonly engine: Engine
  readonly library: Library
  /** Digests of the uploaded blobs. The simulator hashes the bytes of a blob and does not keep them. */
  readonly blobs: Set<string>
  readonly faults: Faults
  readonly ids: Ids
  /** Scripted answers; undefined where the made-up text will do. */
  readonly script: (question: Question) => Script | undefined
}

/** Answers one request. A WireError that it throws becomes the route's error answer. */
export type Handler = (exchange: Exchange, world: World) => void | Promise<void>

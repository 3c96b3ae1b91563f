import type { SeenModel } from '../../src/admission/turns/contract.ts'
import type { Clock } from '../../src/clock.ts'
import { MemoryWatch } from '../../src/replay/memory-watch.ts'
import type { Engine } from '../../src/simulator/engine.ts'

interface EngineWatchParts {
  readonly clock: Clock
  readonly engine: Engine
  /** An answer has come. `askedAt`: clock milliseconds of the question. */
  told(models: readonly SeenModel[], askedAt: number): void
}

/** Asks an engine what is loaded, as the proxy asks Ollama for /api/ps. */
export class EngineWatch extends MemoryWatch {
  constructor({ clock, engine, told }: EngineWatchParts) {
    const loaded = () =>
      engine.snapshot().loaded.map(({ model, expiresInMs }) => ({
        model,
        expiresAt: Number.isFinite(expiresInMs) ? clock.now() + expiresInMs : undefined,
      }))
    super({ clock, loaded, told })
  }
}

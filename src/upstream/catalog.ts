import type { Cancel, Clock } from '../clock.ts'
import type { Ask } from './asking.ts'
import { type CatalogModel, catalogModel, isSame } from './catalog-model.ts'
import { type ListedModel, readTags, TAGS } from './library.ts'
import { Shows } from './shows.ts'

/** From the end of one reading of the list to the beginning of the next. */
const READ_EVERY_MS = 30_000
/** From the beginning of one reading to the beginning of the next that somebody asks for. */
const LEAST_PAUSE_MS = 1_000
/** With more models, `models` does not change at each answer to /api/show: a change costs time for every model. */
const FEW_MODELS = 1_000
/** With more models, the time between two changes, as far as no model is wanted. */
const CHANGE_EVERY_MS = 100

export interface CatalogParts {
  readonly clock: Clock
  readonly ask: Ask
  /** Called after each change of `models`. Must not throw. */
  readonly onChange?: () => void
  /** Called after each good reading of the list, also where nothing has changed. Must not throw. */
  readonly onRead?: () => void
  /**
   * Called with a sentence when Ollama answers and the answer holds no list. Called once: again only after a good
   * reading. Must not throw.
   */
  readonly onProblem?: (problem: string) => void
}

/** A reading that somebody waits for. */
interface Wish {
  readonly over: Promise<void>
  readonly settle: () => void
}

/**
 * Knows the models of Ollama, from /api/tags and /api/show.
 *
 * Between `start` and `stop` the list is read every 30 seconds. Without `start` there are no timers, and the list is
 * read only when `refresh` or `keepFresh` is called.
 */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #shows: Shows
  #models: ReadonlyMap<string, CatalogModel> | undefined
  /** The last list, by key. */
  #list: ReadonlyMap<string, ListedModel> = new Map()
  #readAt: number | undefined
  #changedAt = 0
  #problemTold = false
  /** Clock time at which the last reading began, also of a failed one. */
  #begunAt = Number.NEGATIVE_INFINITY
  #reading = false
  /** A wish was dropped, and no reading has begun since. */
  #owed = false
  /** Waits for the reading under way. */
  #served: Wish | undefined
  /** Waits for the next reading. A reading under way may be older than the wish. */
  #wish: Wish | undefined
  #timed = false
  #stopped = false
  #next: Cancel | undefined

  constructor(parts: CatalogParts) {
    const { ask, clock } = parts
    this.#parts = parts
    this.#shows = new Shows({ ask, clock, told: (urgent) => this.#told(urgent) })
  }

  /** By key. Undefined until Ollama has given a list. A later failure keeps the last good list. */
  get models(): ReadonlyMap<string, CatalogModel> | undefined {
    return this.#models
  }

  /** Clock time at which the last good reading of the list began; undefined before the first one. */
  get readAt(): number | undefined {
    return this.#readAt
  }

  /** Reads at once, then 30 seconds after the end of each reading. */
  start(): void {
    this.#timed = true
    void this.refresh()
  }

  /** Ends for good. No callback comes afterwards, and nobody waits any longer. */
  stop(): void {
    this.#stopped = true
    this.#next?.()
    this.#next = undefined
    this.#shows.stop()
    this.#served?.settle()
    this.#wish?.settle()
    this.#wish = undefined
  }

  /**
   * Asks for a reading of the list that begins now or later, at least a second after the beginning of the last one.
   * Resolves when this reading is over, whether it was good or not; never rejects.
   *
   * Without `start` nothing can begin later. Then a wish within that second is dropped and resolves without a reading;
   * the next call of `keepFresh` makes up for it. `readAt` tells the age of the list.
   */
  refresh(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    if (this.#wish !== undefined) return this.#wish.over
    const wish = aWish()
    this.#wish = wish
    this.#plan()
    return wish.over
  }

  /**
   * For use without `start`, whenever somebody needs `models`: asks for a reading when the last one began 30 seconds ago,
   * or when a wish was dropped.
   */
  keepFresh(): void {
    if (this.#owed || this.#parts.clock.now() - this.#begunAt >= READ_EVERY_MS) void this.refresh()
  }

  /** Asks /api/show for this model before others. Does nothing for an unknown key. */
  wants(key: string): void {
    const digest = this.#list.get(key)?.digest
    if (digest !== undefined) this.#shows.wants(digest)
  }

  /**
   * Ollama may have been replaced: /api/show is asked again for every model, after the next reading of the list.
   * `models` stays as it is until then.
   */
  forget(): void {
    this.#shows.forget()
  }

  #plan(): void {
    if (this.#reading || this.#stopped) return
    this.#next?.()
    this.#next = undefined
    const wished = this.#wish !== undefined
    const ms = wished ? this.#begunAt + LEAST_PAUSE_MS - this.#parts.clock.now() : READ_EVERY_MS
    if (wished && ms <= 0) void this.#read()
    else if (this.#timed) this.#next = this.#parts.clock.after(ms, () => void this.#read())
    else if (wished) {
      this.#owed = true
      this.#wish?.settle()
      this.#wish = undefined
    }
  }

  async #read(): Promise<void> {
    this.#next = undefined
    this.#reading = true
    this.#owed = false
    this.#served = this.#wish
    this.#wish = undefined
    const begunAt = this.#parts.clock.now()
    this.#begunAt = begunAt
    const list = await this.#listOf()
    this.#reading = false
    if (this.#stopped) return
    const served = this.#served
    this.#served = undefined
    if (list !== undefined) {
      this.#readAt = begunAt
      this.#problemTold = false
      this.#list = new Map(list.map((model) => [model.key, model]))
      this.#shows.listed(this.#list, begunAt)
      this.#publish()
      this.#parts.onRead?.()
    }
    served?.settle()
    this.#plan()
  }

  /** Undefined: no list. Why there is no answer at all is told by the probes of Ollama's health. */
  async #listOf(): Promise<ListedModel[] | undefined> {
    try {
      const { status, body, whole } = await this.#parts.ask(TAGS)
      if (status !== 200) return this.#noList(`answers ${TAGS.path} with ${status}`)
      if (!whole) return this.#noList(`answers ${TAGS.path} with more than ${TAGS.mostBytes} bytes`)
      return readTags(body) ?? this.#noList(`answers ${TAGS.path} with something else than a list of models`)
    } catch {
      return undefined
    }
  }

  #noList(why: string): undefined {
    if (this.#problemTold || this.#stopped) return
    this.#problemTold = true
    this.#parts.onProblem?.(`Ollama ${why}`)
  }

  #told(urgent: boolean): void {
    const few = this.#list.size <= FEW_MODELS
    if (few || urgent || this.#parts.clock.now() - this.#changedAt >= CHANGE_EVERY_MS) this.#publish()
  }

  /** Makes `models` new where a reader would see a difference. Models without a difference stay the same objects. */
  #publish(): void {
    const before = this.#models
    const models = new Map<string, CatalogModel>()
    let changed = before?.size !== this.#list.size
    for (const listed of this.#list.values()) {
      const model = catalogModel(
        listed,
        listed.digest === undefined ? undefined : this.#shows.get(listed.digest),
      )
      const known = before?.get(model.key)
      const same = known !== undefined && isSame(known, model)
      models.set(model.key, same ? known : model)
      changed ||= !same
    }
    this.#changedAt = this.#parts.clock.now()
    if (!changed) return
    this.#models = models
    this.#parts.onChange?.()
  }
}

function aWish(): Wish {
  let settle = () => {}
  const over = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { over, settle }
}

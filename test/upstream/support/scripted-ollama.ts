import type { Reply, UpstreamQuestion } from '../../../src/upstream/asking.ts'

/** An entry of /api/tags, as Ollama 0.33 writes it. */
export interface Entry {
  name: string
  digest: string
  capabilities?: string[]
  remote_host?: string
  details: { parent_model: string; format: string; family: string }
}

/** 64 hex digits that begin with `beginning`. */
export const hash = (beginning: string) => beginning.padEnd(64, '0')

export function anEntry(name: string, digest: string, differing: Partial<Entry> = {}): Entry {
  return {
    name,
    digest: hash(digest),
    capabilities: ['completion'],
    details: { parent_model: '', format: 'gguf', family: 'llama' },
    ...differing,
  }
}

export const ok = (body: unknown): Reply => ({ status: 200, body: JSON.stringify(body), whole: true })

export const shows = (weights: string): Reply =>
  ok({ modelfile: `# Modelfile\nFROM /blobs/sha256-${hash(weights)}\n` })

export const DOWN = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

interface Held {
  readonly what: string
  readonly settle: () => void
}

/** Lets everything go on that needs no time and no answer. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * Answers the questions of a catalog: the list with `models`, and each show with weights that are called like the
 * digest. What is held waits for `release`.
 */
export class ScriptedOllama {
  models: Entry[] = []
  /** Stands in for the list. */
  list: Reply | Error | undefined
  /** Stand in for the answer to a show, by name. */
  readonly shown = new Map<string, Reply | Error>()
  /** `tags`, or `show` and the name, in order. */
  readonly asked: string[] = []
  /** Beginnings of what is held. */
  readonly holds = new Set<string>()
  readonly #held: Held[] = []

  readonly ask = ({ path, body }: UpstreamQuestion): Promise<Reply> => {
    const name: string = body === undefined ? '' : JSON.parse(body).model
    const what = path === '/api/tags' ? 'tags' : `show ${name}`
    this.asked.push(what)
    return new Promise((resolve, reject) => {
      // The answer is what is true now, also where it comes later.
      const answer = what === 'tags' ? (this.list ?? ok({ models: this.models })) : this.#answer(name)
      const settle = () => (answer instanceof Error ? reject(answer) : resolve(answer))
      if ([...this.holds].some((beginning) => what.startsWith(beginning))) this.#held.push({ what, settle })
      else settle()
    })
  }

  /** What is held, oldest first. */
  get held(): string[] {
    return this.#held.map(({ what }) => what)
  }

  /** Gives the oldest answer that is held. */
  async release(): Promise<void> {
    this.#held.shift()?.settle()
    await settle()
  }

  count(what: string): number {
    return this.asked.filter((each) => each === what).length
  }

  /** The shows that were asked, and forgets them. */
  takeShows(): string[] {
    const names = this.asked.filter((what) => what !== 'tags').map((what) => what.slice('show '.length))
    this.asked.length = 0
    return names
  }

  #answer(name: string): Reply | Error {
    const listed = this.models.find((model) => model.name === name)
    return this.shown.get(name) ?? (listed === undefined ? NOT_FOUND : shows(listed.digest))
  }
}

const NOT_FOUND: Reply = { status: 404, body: '', whole: false }

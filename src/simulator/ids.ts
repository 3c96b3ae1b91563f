import { hash } from './answer.ts'

/** Makes ids in Ollama's forms. Every simulator makes the same sequence. */
export class Ids {
  #count = 0

  /** 0 to 998. */
  small(): number {
    return this.#next() % 999
  }

  /** 100000 to 999999. */
  sixDigits(): number {
    return 100_000 + (this.#next() % 900_000)
  }

  /** 24 hex digits. */
  hex(): string {
    return [this.#next(), this.#next(), this.#next()]
      .map((part) => part.toString(16).padStart(8, '0'))
      .join('')
  }

  #next(): number {
    return hash(`id ${this.#count++}`)
  }
}

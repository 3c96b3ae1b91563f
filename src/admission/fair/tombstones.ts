interface SweptLine {
  /** Nodes that sweeping has moved so far. */
  readonly nodesMoved: number
  sweep(): void
}

/** The lines that calls have left early since the last sweep. */
export class Tombstones {
  /** Nodes that sweeping has moved so far, in all lines. */
  moved = 0
  #lines: SweptLine[] | undefined

  /** A call has left a line early. */
  lie(line: SweptLine | undefined): void {
    if (line === undefined) return
    this.#lines ??= []
    this.#lines.push(line)
  }

  sweep(): void {
    if (this.#lines === undefined) return
    for (const line of this.#lines) {
      const before = line.nodesMoved
      line.sweep()
      this.moved += line.nodesMoved - before
    }
    this.#lines = undefined
  }
}

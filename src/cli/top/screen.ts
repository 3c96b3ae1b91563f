/** The part of a terminal's stream that the screen uses. */
export interface TerminalOutput {
  readonly columns?: number
  readonly rows?: number
  readonly writableNeedDrain?: boolean
  write(text: string): unknown
}

// Sequences from xterm's list of control sequences: alternate screen, hidden cursor, no line wrap. Without wrap, a
// character that is wider than widthOf() assumes cannot push the rest of the screen down.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
/** Synchronized output: the terminal shows a whole frame at once. Terminals without the mode ignore the sequence. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const CLEAR_ALL = '\x1b[2J'
const CLEAR_REST_OF_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** The alternate screen of a terminal. Only changed lines are written, to avoid flicker. */
export class Screen {
  readonly #output: TerminalOutput
  #drawn: readonly string[] = []
  #size = ''
  #open = false

  constructor(output: TerminalOutput) {
    this.#output = output
  }

  get width(): number {
    return this.#output.columns || 80
  }

  get height(): number {
    return this.#output.rows || 24
  }

  open(): void {
    if (this.#open) return
    this.#open = true
    this.#output.write(ENTER)
  }

  /** Shows the lines. Skipped while the terminal still takes the last frame: the next draw() writes all changes. */
  draw(lines: readonly string[]): void {
    if (!this.#open || this.#output.writableNeedDrain === true) return
    const size = `${this.width}x${this.height}`
    let changes = ''
    if (size !== this.#size) {
      changes = CLEAR_ALL
      this.#drawn = []
      this.#size = size
    }
    for (const [index, line] of lines.entries()) {
      // Cleared before the text: after a text that fills the row, the cursor is still on the last cell.
      if (line !== this.#drawn[index]) changes += `${moveTo(index)}${CLEAR_REST_OF_LINE}${line}`
    }
    if (lines.length < this.#drawn.length) changes += `${moveTo(lines.length)}${CLEAR_BELOW}`
    this.#drawn = lines
    if (changes !== '') this.#output.write(BEGIN_UPDATE + changes + END_UPDATE)
  }

  /** Restores the terminal. A second call does nothing. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    // open() starts with an empty screen, so the next draw() must write every line.
    this.#size = ''
    this.#output.write(END_UPDATE + LEAVE)
  }
}

function moveTo(row: number): string {
  return `\x1b[${row + 1};1H`
}

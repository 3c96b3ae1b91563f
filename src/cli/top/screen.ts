/** What a screen needs of a terminal's stream. */
export interface TerminalOutput {
  readonly columns?: number
  readonly rows?: number
  readonly writableNeedDrain?: boolean
  write(text: string): unknown
}

// Names as in xterm's list of control sequences. Lines never wrap: a character that is wider than we think must not
// push the rest of the screen down.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
/** Terminals that know it show all of a frame at once; the others ignore it. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const CLEAR_ALL = '\x1b[2J'
const CLEAR_REST_OF_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** The alternate screen of a terminal. Only lines that changed are written again, so nothing flickers. */
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

  /** Shows the lines. A terminal that is behind with the last frame gets none: the next one says it all. */
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
      // Cleared first: after a line that fills the row the cursor still stands on its last cell.
      if (line !== this.#drawn[index]) changes += `${moveTo(index)}${CLEAR_REST_OF_LINE}${line}`
    }
    if (lines.length < this.#drawn.length) changes += `${moveTo(lines.length)}${CLEAR_BELOW}`
    this.#drawn = lines
    if (changes !== '') this.#output.write(BEGIN_UPDATE + changes + END_UPDATE)
  }

  /** Gives the terminal back as it was. Harmless when called twice. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    // Opened again, it shows nothing yet.
    this.#size = ''
    this.#output.write(END_UPDATE + LEAVE)
  }
}

function moveTo(row: number): string {
  return `\x1b[${row + 1};1H`
}

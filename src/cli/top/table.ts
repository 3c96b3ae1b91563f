import { span, type TextLine, type TextSpan } from './line.ts'
import { safeText, truncate, widthOf } from './safe-text.ts'

const GAP = 2

export interface Column<Row> {
  readonly title: string
  readonly align?: 'right'
  /** Columns with the highest figure are left out first when the terminal is narrow; 0 always stays. */
  readonly rank: number
  /** Cells it takes at least, so that the table does not jump as figures change. */
  readonly least?: number
  /** Cells it may be cut down to before a column is left out. */
  readonly shrinksTo?: number
  /** A span, whose text is safe already, or any text, which gets no tone. */
  readonly cell: (row: Row) => TextSpan | string
}

interface Laid<Row> {
  readonly column: Column<Row>
  width: number
}

/** The title and a line for each row, none wider than `width`. A column without any text is left out. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): TextLine[] {
  const laid = layOut(columns, rows, width)
  const title = joinCells(laid.map(({ column, width }) => aligned(span(column.title, 'dim'), column, width)))
  return [
    title,
    ...rows.map((row) =>
      joinCells(laid.map(({ column, width }) => aligned(cellOf(column, row), column, width))),
    ),
  ]
}

function cellOf<Row>({ cell }: Column<Row>, row: Row): TextSpan {
  const shown = cell(row)
  return typeof shown === 'string' ? span(safeText(shown)) : shown
}

function layOut<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Laid<Row>[] {
  let laid = columns
    .map((column) => ({
      column,
      width: Math.max(0, ...rows.map((row) => widthOf(cellOf(column, row).text))),
    }))
    .filter((each) => each.width > 0)
    .map(({ column, width }) => ({
      column,
      width: Math.max(width, widthOf(column.title), column.least ?? 0),
    }))
  for (;;) {
    const excess = laid.reduce((sum, each) => sum + each.width + GAP, -GAP) - width
    const spare = laid.reduce((sum, each) => sum + shrinkable(each), 0)
    const leastNeeded = Math.max(0, ...laid.map(({ column }) => column.rank))
    if (excess <= spare || leastNeeded === 0) {
      shrink(laid, Math.min(excess, spare))
      return laid
    }
    laid = laid.filter(({ column }) => column.rank !== leastNeeded)
  }
}

/** The widest gives first, so that a long name does not cost a short one its letters. */
function shrink<Row>(laid: readonly Laid<Row>[], cells: number): void {
  for (let left = cells; left > 0; left--) {
    const widest = laid.reduce((most, each) => (shrinkable(each) > shrinkable(most) ? each : most))
    widest.width--
  }
}

function shrinkable<Row>({ column, width }: Laid<Row>): number {
  return column.shrinksTo === undefined ? 0 : Math.max(0, width - column.shrinksTo)
}

function aligned<Row>({ text, tone }: TextSpan, { align }: Column<Row>, width: number): TextSpan {
  const kept = truncate(text, width)
  const padding = ' '.repeat(Math.max(0, width - widthOf(kept)))
  return span(align === 'right' ? padding + kept : kept + padding, tone)
}

function joinCells(cells: readonly TextSpan[]): TextLine {
  return cells.flatMap((cell, index) => (index === 0 ? [cell] : [span(' '.repeat(GAP)), cell]))
}

import { span, type TextLine, type TextSpan } from './line.ts'
import { safeText, truncate, widthOf } from './safe-text.ts'

const GAP = 2

export interface Column<Row> {
  readonly title: string
  readonly align?: 'right'
  /** On a narrow terminal the columns with the highest rank are left out first. Rank 0 always stays. */
  readonly rank: number
  /** Smallest width in cells, so that the table does not jump when figures change. */
  readonly min?: number
  /** Width in cells down to which the column may shrink before a column is left out. */
  readonly shrinksTo?: number
  /** A span with a safe text, or a plain text that is made safe and has no tone. */
  readonly cell: (row: Row) => TextSpan | string
}

interface SizedColumn<Row> {
  readonly column: Column<Row>
  width: number
}

/** Title and rows, at most `width` cells wide if the columns of rank 0 fit. A column without any text is left out. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): TextLine[] {
  const sized = size(columns, rows, width)
  const title = joinCells(sized.map(({ column, width }) => aligned(span(column.title, 'dim'), column, width)))
  return [
    title,
    ...rows.map((row) =>
      joinCells(sized.map(({ column, width }) => aligned(cellOf(column, row), column, width))),
    ),
  ]
}

function cellOf<Row>({ cell }: Column<Row>, row: Row): TextSpan {
  const shown = cell(row)
  return typeof shown === 'string' ? span(safeText(shown)) : shown
}

function size<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): SizedColumn<Row>[] {
  let sized = columns
    .map((column) => ({
      column,
      width: Math.max(0, ...rows.map((row) => widthOf(cellOf(column, row).text))),
    }))
    .filter((each) => each.width > 0)
    .map(({ column, width }) => ({
      column,
      width: Math.max(width, widthOf(column.title), column.min ?? 0),
    }))
  for (;;) {
    const excess = sized.reduce((sum, each) => sum + each.width + GAP, -GAP) - width
    const spare = sized.reduce((sum, each) => sum + shrinkable(each), 0)
    const highestRank = Math.max(0, ...sized.map(({ column }) => column.rank))
    if (excess <= spare || highestRank === 0) {
      shrink(sized, Math.min(excess, spare))
      return sized
    }
    sized = sized.filter(({ column }) => column.rank !== highestRank)
  }
}

/** Shrinks the column with the most spare cells first, so that a long name is cut before a short name. */
function shrink<Row>(sized: readonly SizedColumn<Row>[], cells: number): void {
  for (let remaining = cells; remaining > 0; remaining--) {
    const roomiest = sized.reduce((most, each) => (shrinkable(each) > shrinkable(most) ? each : most))
    roomiest.width--
  }
}

function shrinkable<Row>({ column, width }: SizedColumn<Row>): number {
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

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { lineWidth, plainText, span } from '../../../src/cli/top/line.ts'
import { type Column, table } from '../../../src/cli/top/table.ts'

interface Row {
  readonly name: string
  readonly note: string
  readonly figure: number
}

const columns: readonly Column<Row>[] = [
  { title: 'NAME', rank: 0, shrinksTo: 6, cell: ({ name }) => span(name) },
  { title: 'NOTE', rank: 2, cell: ({ note }) => span(note) },
  { title: 'FIGURE', rank: 1, align: 'right', cell: ({ figure }) => span(String(figure)) },
]
const rows = [
  { name: 'a-rather-long-name', note: 'hello', figure: 7 },
  { name: '模型', note: '', figure: 12_345 },
]
const drawn = (width: number, of: readonly Row[] = rows) => table(columns, of, width).map(plainText)

it('lays columns out by the width of their cells', () => {
  assert.deepEqual(drawn(80), [
    'NAME                NOTE   FIGURE',
    'a-rather-long-name  hello       7',
    '模型                        12345',
  ])
})

it('shortens what may be shortened before it leaves a column out', () => {
  assert.deepEqual(drawn(24), [
    'NAME       NOTE   FIGURE',
    'a-rather…  hello       7',
    '模型               12345',
  ])
})

it('leaves out the column that matters least, then the next', () => {
  assert.equal(drawn(16)[0], 'NAME      FIGURE')
  assert.deepEqual(drawn(8), ['NAME', 'a-rathe…', '模型'])
})

it('leaves out a column in which nothing stands', () => {
  assert.equal(drawn(80, [{ name: 'x', note: '', figure: 1 }])[0], 'NAME  FIGURE')
})

it('is never wider than the terminal as long as the columns that stay may shrink', () => {
  for (let width = 6; width < 60; width++) {
    for (const line of table(columns, rows, width)) assert.ok(lineWidth(line) <= width, `${width}`)
  }
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backlogs } from '../../../bench/fairness/cases.ts'
import { fifo } from '../../../bench/fairness/contestants.ts'
import { curvesOf } from '../../../bench/fairness/curves.ts'
import { figuresOf } from '../../../bench/fairness/figures.ts'
import { share } from '../../../bench/fairness/sharing.ts'

const HOURS = 0.5

describe('the picture of the service received', () => {
  const [weighted, other] = backlogs(HOURS)
  assert.ok(weighted && other && other.drawnMs === undefined)
  const by = new Map([['FIFO', figuresOf(weighted, share(weighted, fifo))]])
  const picture = curvesOf([
    { workload: weighted, by },
    { workload: other, by },
  ])

  it('has a line for each caller of each workload that is drawn, and no other', () => {
    assert.equal(picture.match(/<polyline /g)?.length, weighted.senders.length)
    assert.ok(picture.includes(weighted.name) && !picture.includes(other.name))
  })

  it('goes from nothing at the left to the most that anybody received at the right', () => {
    const lines = Array.from(picture.matchAll(/points="([^"]+)"/g), ([, points = '']) => points.split(' '))
    const heights = lines.map((points) => points.map((point) => Number(point.split(',')[1])))
    const [floor] = heights[0] ?? []
    assert.ok(heights.every(([first]) => first === floor))
    const [, top] = /<rect x="\d+" y="(\d+)"/.exec(picture) ?? []
    assert.equal(Math.min(...heights.map((line) => line.at(-1) ?? Number.NaN)), Number(top))
  })
})

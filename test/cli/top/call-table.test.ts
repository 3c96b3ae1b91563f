import assert from 'node:assert/strict'
import { it } from 'node:test'
import { callTable } from '../../../src/cli/top/call-table.ts'
import { plainText } from '../../../src/cli/top/line.ts'
import { requestsPage } from '../../../src/cli/top/shapes.ts'
import { aCall, waiting } from '../support/pages.ts'

it('the class of a call stands in the table where it is another than normal, and where there is room', () => {
  const titles = (calls: readonly object[], width: number) => {
    const { requests } = requestsPage.parse({ total: calls.length, requests: calls })
    const [title = '', ...rows] = callTable(requests, width).map(plainText)
    return { hasClass: title.includes('CLASS'), rows }
  }
  const normal = aCall('a', { class: 'normal' })
  const batch = aCall('b', { class: 'batch', ...waiting })
  assert.equal(titles([normal, aCall('older')], 120).hasClass, false)
  const { hasClass, rows } = titles([normal, batch], 120)
  assert.equal(hasClass, true)
  assert.deepEqual(
    rows.map((row) => row.includes('batch')),
    [false, true],
  )
  assert.equal(titles([normal, batch], 60).hasClass, false)
})

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Screen } from '../../../src/cli/top/screen.ts'

function aTerminal() {
  let written = ''
  return {
    columns: 80,
    rows: 24,
    writableNeedDrain: false,
    write(text: string) {
      written += text
    },
    /** What was written since the last time. */
    taken() {
      const all = written
      written = ''
      return all.replaceAll('\x1b', '^')
    },
  }
}

it('takes the alternate screen, hides the cursor, and gives all of it back once', () => {
  const terminal = aTerminal()
  const screen = new Screen(terminal)
  screen.open()
  assert.equal(terminal.taken(), '^[?1049h^[?25l^[?7l')
  screen.close()
  assert.equal(terminal.taken(), '^[?2026l^[?7h^[?25h^[?1049l')
  screen.close()
  screen.draw(['late'])
  assert.equal(terminal.taken(), '')
})

it('writes only the lines that changed, in place', () => {
  const terminal = aTerminal()
  const screen = new Screen(terminal)
  screen.open()
  screen.draw(['one', 'two', 'three'])
  terminal.taken()
  screen.draw(['one', 'TWO', 'three'])
  assert.equal(terminal.taken(), '^[?2026h^[2;1H^[KTWO^[?2026l')
  screen.draw(['one', 'TWO', 'three'])
  assert.equal(terminal.taken(), '')
  screen.draw(['one'])
  assert.equal(terminal.taken(), '^[?2026h^[2;1H^[J^[?2026l')
})

it('draws everything anew when the size has changed', () => {
  const terminal = aTerminal()
  const screen = new Screen(terminal)
  screen.open()
  screen.draw(['one'])
  terminal.taken()
  terminal.columns = 60
  screen.draw(['one'])
  assert.equal(terminal.taken(), '^[?2026h^[2J^[1;1H^[Kone^[?2026l')
})

it('leaves a frame out while the terminal is behind, and shows all that changed afterwards', () => {
  const terminal = aTerminal()
  const screen = new Screen(terminal)
  screen.open()
  screen.draw(['one'])
  terminal.taken()
  terminal.writableNeedDrain = true
  screen.draw(['two'])
  assert.equal(terminal.taken(), '')
  terminal.writableNeedDrain = false
  screen.draw(['two'])
  assert.equal(terminal.taken(), '^[?2026h^[1;1H^[Ktwo^[?2026l')
})

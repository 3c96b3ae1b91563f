import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { bearer, keyRing } from './key-ring.ts'
import { lastWords } from './last-words.ts'
import type { Target } from './pair.ts'
import { isWhole } from './raw-answer.ts'
import { NATIVE_WHOLE } from './signs-answers.ts'
import { type Headers, NOTIFY, quickSigns, SignsSetUp } from './signs-setup.ts'

const CLOUDFLARE = { 'CF-Ray': '8a1b2c-FRA' }

/** With `when: auto`: what a call says of itself, whether its answer is a stream, and whether signs come. */
const WHO: readonly [title: string, headers: Headers, stream: boolean, signs: boolean][] = [
  ['a stream through Cloudflare', { ...bearer('plain'), ...CLOUDFLARE }, true, true],
  ['a whole answer through Cloudflare', { ...bearer('plain'), ...CLOUDFLARE }, false, false],
  ['a whole answer that asks', { ...bearer('plain'), ...NOTIFY }, false, true],
  ['a stream of a key with notify', bearer('notified'), true, true],
  ['a whole answer of a key with notify', bearer('notified'), false, true],
  ['a key with notify that does without', { ...bearer('notified'), 'X-Queue-Notify': '0' }, true, false],
  [
    'a stream through Cloudflare that does without',
    { ...bearer('plain'), ...CLOUDFLARE, 'X-Queue-Notify': '0' },
    true,
    false,
  ],
  ['a stream of anybody else', bearer('plain'), true, false],
]

/** With `when: always`. */
const ALWAYS: readonly [title: string, headers: Headers, stream: boolean, signs: boolean][] = [
  ['a stream', {}, true, true],
  ['a whole answer', {}, false, false],
  ['a whole answer that asks', NOTIFY, false, true],
  ['a stream that does without', { 'X-Queue-Notify': '0' }, true, false],
]

export function signsForWhom(target: Target): void {
  describe('signs of life are for', { concurrency: true }, () => {
    let folder: string
    let setUp: SignsSetUp
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'guard-usage-'))
      setUp = await SignsSetUp.start(target, {
        serve: ['--max-queue', '1'],
        variables: {
          ...keyRing({
            plain: { may: ['infer', 'view'] },
            notified: { notify: true },
            narrow: { notify: true, models: ['allowed'] },
            poor: { notify: true, tokens: { day: 1 } },
          }),
          MAX_BODY_SIZE: '2KiB',
          USAGE_DIR: folder,
        },
      })
    })
    after(async () => {
      await setUp?.stop()
      await rm(folder, { recursive: true })
    })

    for (const [index, [title, headers, stream, signs]] of WHO.entries()) {
      it(`${title}: ${signs ? 'yes' : 'no'}`, async () => {
        const name = `who-${index}`
        const call = setUp.send(name, { model: name, stream, headers })
        await setUp.ollama.call(name)
        if (signs) await setUp.sign(call)
        else await setUp.staysSilent(call, bearer('notified'))
      })
    }

    it('nobody who is refused: the status is as ever', async () => {
      const asks = { stream: true, headers: { ...bearer('notified'), ...NOTIFY } }
      setUp.send('running', { model: 'full', ...asks })
      await setUp.ollama.call('running')
      const waiting = setUp.send('waiting', { model: 'full', ...asks })
      await setUp.sign(waiting)
      const refused = {
        503: setUp.send('refused', { model: 'full', ...asks }),
        403: setUp.send('narrow', { ...asks, headers: { ...bearer('narrow'), ...NOTIFY } }),
        413: setUp.send('large', { ...asks, fields: { prompt: 'x'.repeat(3_000) } }),
        401: setUp.send('nobody', {
          ...asks,
          headers: { authorization: 'Bearer sk-ogp-made-up', ...NOTIFY },
        }),
      }
      for (const [status, call] of Object.entries(refused)) {
        await until('the answer', () => isWhole(call.received, false))
        assert.equal(call.status, Number(status))
        assert.match(call.received, /\r\ncontent-type: application\/json/i)
      }
    })

    it('somebody whose budget is used up meanwhile: the answer ends with this error', async () => {
      const poor = { model: 'poor', stream: false, headers: bearer('poor') }
      const { call } = await setUp.inLine('poor', poor)
      ;(await setUp.ollama.call('poor-before')).answer(NATIVE_WHOLE.type, NATIVE_WHOLE.pieces)
      if (target.gaps?.monitor) {
        // The object of a Worker looks at the budget when the call comes, and not again.
        await setUp.ollama.call('poor')
        return
      }
      await until('the answer', () => isWhole(call.received, false))
      const { code, retryAfter, status } = lastWords(call, { path: '/api/chat', stream: false })
      assert.deepEqual([code, status], ['insufficient_quota', 429])
      assert.ok(Number(retryAfter) > 0)
      assert.ok(!setUp.ollama.has('poor'))
      const next = setUp.send('poor-next', poor)
      await until('the answer', () => isWhole(next.received, false))
      assert.equal(next.status, 429)
    })
  })

  describe('signs of life, as the configuration has them,', () => {
    it('are for all streams with always', async () => {
      const setUp = await SignsSetUp.start(target, { variables: quickSigns('always') })
      try {
        const calls = ALWAYS.map(([title, headers, stream, signs], index) => {
          const name = `always-${index}`
          return { title, signs, call: setUp.send(name, { model: name, stream, headers }) }
        })
        for (const { call, signs, title } of calls) {
          if (signs) await setUp.sign(call)
          else await setUp.staysSilent(call)
          assert.equal(call.received !== '', signs, title)
        }
      } finally {
        await setUp.stop()
      }
    })

    if (!target.gaps?.lifecycle)
      it('change with a reload, for the calls that come after it', async () => {
        const text = (when: string) => `manage: open\nwaiting: { when: ${when}, after: 0.1, every: 0.1 }\n`
        const file = await ConfigFile.write(text('off'))
        const setUp = await SignsSetUp.start(target, {
          serve: ['--config', file.path],
          variables: { WAITING: '' },
        })
        try {
          const off = setUp.send('off', { model: 'off', stream: true })
          await setUp.ollama.call('off')
          await writeFile(file.path, text('always'))
          const reload = await fetch(`${setUp.proxy.url}/admin/reload`, { method: 'POST' })
          assert.equal(reload.status, 200, await reload.text())
          // The control is a stream that asks for nothing.
          await setUp.staysSilent(off, {})
        } finally {
          await setUp.stop()
          await file.remove()
        }
      })
  })
}

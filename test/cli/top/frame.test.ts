import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { frame } from '../../../src/cli/top/frame.ts'
import { colouredText, lineWidth, plainText } from '../../../src/cli/top/line.ts'
import type { Missing, Page, Pages } from '../../../src/cli/top/pages.ts'
import { alertsPage, healthPage, requestsPage, statsPage } from '../../../src/cli/top/shapes.ts'
import { aCall, aModel, anAlert, aStatsPage, busyPages, health, waiting } from '../support/pages.ts'

const TONE = new RegExp(`${'\x1b'}\\[[\\d;]+m`, 'g')
const URL = 'http://127.0.0.1:8080'

function missing<T>(why: Missing): Page<T> {
  return { data: undefined, raw: null, missing: why }
}

function pagesOf(script = busyPages()): Pages {
  return {
    health: { data: healthPage.parse(script['/health']), raw: null },
    stats: { data: statsPage.parse(script['/queue/stats']), raw: null },
    requests: { data: requestsPage.parse(script['/queue/requests']), raw: null },
    alerts: { data: alertsPage.parse(script['/queue/alerts']), raw: null },
  }
}

function drawn(pages: Pages | undefined, width = 120, height = 40, lastError?: string): string[] {
  return frame({ url: URL, pages, ageMs: 12_000, lastError }, width, height).map(plainText)
}

describe('frame', () => {
  it('shows the proxy, its alerts, its models and its calls', () => {
    assert.deepEqual(drawn(pagesOf(), 130), [
      'ollama-guard-proxy 1.2.3 (node)   healthy   up 2h13m   http://127.0.0.1:8080   Ollama 0.33.0 answers in 1.2ms',
      'memory 13.5/32.0 GB 42 %   4 running, 2 waiting',
      'warning: llama2 refuses 3.2 % of its calls (warning from 1 %)',
      '  Raise its queue_limit or give it more slots.',
      '',
      'MODEL       STATE   SLOTS            LINE  WAIT P50/P95  RUN P50/P95   TOK/S  REFUSED  TIMED OUT',
      'llama2              ██████████ 4/4  2/512     40ms/1.2s    2.3s/8.0s      88       12          0',
      'qwen2.5:7b  paused  ░░░░░░░░░░ 0/4  0/512     40ms/1.2s    2.3s/8.0s      88        0          0',
      '',
      'CALL      MODEL       CLIENT         PATH       STATE    POS  WAITED  STARTS IN  RUNNING     IN    OUT  TOKENS',
      'k3f9a1-1  llama2      10.0.0.7       /api/chat  running        121ms                2.3s   512B  10.0K      87',
      'k3f9a1-2  llama2      2001:db8::7:1  /api/chat  running        121ms                2.3s   512B  10.0K      87',
      'k3f9a1-3  llama2      10.0.0.7       /api/chat  waiting    1   121ms      800ms            512B     0B',
    ])
  })

  it('says of a model that it is stuck, also where it is paused', () => {
    const script = busyPages()
    script['/queue/stats'] = aStatsPage([
      aModel('a', { stuck: true, paused: true }),
      aModel('b', { stuck: false, paused: true }),
      aModel('c'),
    ])
    const state = (model: string) => drawn(pagesOf(script)).find((line) => line.startsWith(`${model} `))
    assert.match(state('a') ?? '', /^a +stuck +░/)
    assert.match(state('b') ?? '', /^b +paused +░/)
    assert.match(state('c') ?? '', /^c +░/)
  })

  it('keeps what matters on a narrow terminal', () => {
    const lines = drawn(pagesOf(), 60)
    assert.ok(lines.includes('MODEL       STATE   SLOTS      LINE  WAIT P95  REFUSED'), lines.join('\n'))
    assert.ok(lines.includes('llama2              ████ 4/4  2/512      1.2s       12'), lines.join('\n'))
    assert.ok(lines.some((line) => line.startsWith('k3f9a1-3  llama2      waiting    1   121ms')))
  })

  it('tells for each waiting call what the call waits for, also in 80 columns', () => {
    const script = busyPages()
    script['/queue/requests'] = {
      total: 3,
      requests: [
        aCall('k3f9a1-1', { waiting_for: null }),
        aCall('k3f9a1-2', { ...waiting, model: 'qwen2.5:7b', waiting_for: 'turn' }),
        aCall('k3f9a1-3', { ...waiting, waiting_for: 'budget' }),
      ],
    }
    assert.deepEqual(drawn(pagesOf(script), 80).slice(-4), [
      'CALL      MODEL       CLIENT    STATE    FOR     POS  WAITED  RUNNING  TOKENS',
      'k3f9a1-1  llama2      10.0.0.7  running                121ms     2.3s      87',
      'k3f9a1-2  qwen2.5:7b  10.0.0.7  waiting  turn      1   121ms',
      'k3f9a1-3  llama2      10.0.0.7  waiting  budget    1   121ms',
    ])
  })

  it('tells who calls, with the person behind a key, where the address does not say so', () => {
    const script = busyPages()
    script['/queue/requests'] = {
      total: 3,
      requests: [
        aCall('k3f9a1-1', { caller: 'open-webui', user: 'mia', class: 'normal' }),
        aCall('k3f9a1-2', { caller: 'nightly', user: null, class: 'batch' }),
        aCall('k3f9a1-3', { caller: '10.0.0.7', user: null, class: 'normal' }),
      ],
    }
    assert.deepEqual(drawn(pagesOf(script), 80).slice(-4), [
      'CALL      MODEL       CALLER          CLIENT    STATE    WAITED  RUNNING  TOKENS',
      'k3f9a1-1  llama2      open-webui/mia  10.0.0.7  running   121ms     2.3s      87',
      'k3f9a1-2  llama2      nightly         10.0.0.7  running   121ms     2.3s      87',
      'k3f9a1-3  llama2                      10.0.0.7  running   121ms     2.3s      87',
    ])
    assert.match(drawn(pagesOf(script), 70).join('\n'), /^k3f9a1-1 .* open-webui\/mia +running /m)
  })

  it('stays within every size, and says how much it does not show', () => {
    const script = busyPages()
    script['/queue/stats'] = aStatsPage(
      Array.from({ length: 40 }, (_, i) => aModel(`model-${i}-模型名字很长的`)),
    )
    script['/queue/requests'] = {
      total: 620,
      requests: Array.from({ length: 500 }, (_, i) => aCall(`id-${i}`)),
    }
    script['/queue/alerts'] = { alerts: Array.from({ length: 9 }, () => anAlert) }
    const pages = pagesOf(script)
    for (const width of [30, 60, 80, 100, 160, 300]) {
      for (const height of [5, 12, 24, 30, 60]) {
        const lines = frame({ url: URL, pages, ageMs: 0, lastError: undefined }, width, height)
        assert.ok(lines.length <= height)
        for (const line of lines)
          assert.ok(lineWidth(line) <= Math.max(width, 42), `${width}: ${plainText(line)}`)
      }
    }
    const text = drawn(pagesOf(script), 100, 40).join('\n')
    assert.match(text, /… and 5 more alerts/)
    assert.match(text, /… and \d+ more models/)
    assert.match(text, /… and 61\d more calls/)
  })

  it('says once what several alerts ask for, and as much of it as there is room for', () => {
    const script = busyPages()
    const action = 'Raise parallel_limit (now 4), and OLLAMA_NUM_PARALLEL of Ollama with it.'
    script['/queue/alerts'] = {
      alerts: [
        { ...anAlert, message: 'one', action },
        { ...anAlert, message: 'two', action },
        { ...anAlert, message: 'three', action: 'Another thing.' },
      ],
    }
    assert.deepEqual(drawn(pagesOf(script), 60, 30).slice(3, 9), [
      'warning: one',
      'warning: two',
      '  Raise parallel_limit (now 4), and OLLAMA_NUM_PARALLEL of',
      '  Ollama with it.',
      'warning: three',
      '  Another thing.',
    ])
    assert.deepEqual(drawn(pagesOf(script), 60, 15).slice(3, 9), [
      'warning: one',
      'warning: two',
      '  Raise parallel_limit (now 4), and OLLAMA_NUM_PARALLEL of',
      '  Ollama with it.',
      'warning: three',
      '',
    ])
    assert.deepEqual(drawn(pagesOf(script), 60, 12).slice(3, 7), [
      'warning: one',
      'warning: two',
      'warning: three',
      '',
    ])
  })

  it('never lets a name steer the terminal', () => {
    const script = busyPages()
    const evil = '\x1b]0;owned\x07\x1b[2J\n\u202eevil'
    script['/health'] = {
      ...health,
      status: evil,
      version: evil,
      upstream: { ...health.upstream, version: evil },
    }
    script['/queue/stats'] = aStatsPage([aModel(evil, { effective_limit: 1, limit_reason: evil })])
    script['/queue/requests'] = {
      total: 1,
      requests: [
        aCall(evil, { model: evil, client: 'x', caller: evil, user: evil, path: evil, state: evil }),
      ],
    }
    script['/queue/alerts'] = { alerts: [{ ...anAlert, level: evil, message: evil, action: evil }] }
    for (const line of frame({ url: URL, pages: pagesOf(script), ageMs: 0, lastError: evil }, 200, 50)) {
      assert.doesNotMatch(plainText(line), /[\p{C}]/u)
      // Nothing but the tones that the frame itself set.
      assert.doesNotMatch(colouredText(line).replaceAll(TONE, ''), /\p{C}/u)
    }
  })

  it('says that the connection is lost, why, and how old the figures are', () => {
    const lines = drawn(pagesOf(), 160, 40, `${URL} does not answer: connection refused`)
    assert.ok(
      lines.includes(
        `connection lost, trying again   ${URL} does not answer: connection refused   the figures are 12s old`,
      ),
    )
    assert.ok(lines.some((line) => line.startsWith('llama2')))
    assert.match(drawn(undefined, 160, 40, 'x').join('\n'), /no connection yet, trying again/)
  })

  it('says which pages a proxy does not have, or does not show', () => {
    const old = drawn({ ...pagesOf(), requests: missing('unknown'), alerts: missing('unknown') })
    assert.match(old.join('\n'), /The live calls are not shown: this proxy has no \/queue\/requests\./)
    const off = drawn({
      ...pagesOf(),
      stats: missing('off'),
      requests: missing('off'),
      alerts: missing('off'),
    })
    assert.equal(off.filter((line) => /switched off \(enable_queue_stats: false\)/.test(line)).length, 1)
    const other = drawn({ ...pagesOf(), stats: missing('unreadable') })
    assert.match(
      other.join('\n'),
      /The models are not shown: top cannot read the answer of this proxy at \/queue\/stats\./,
    )
  })

  it('shows a proxy without the later figures, and one without any calls', () => {
    const script = busyPages()
    const { paused: _, stuck: ___, window: __, ...older } = aModel('llama2')
    script['/queue/stats'] = aStatsPage([older])
    assert.match(drawn(pagesOf(script)).join('\n'), /llama2 +░+ 0\/4 .* - +0 +0$/m)
    script['/queue/stats'] = aStatsPage([])
    script['/queue/requests'] = { total: 0, requests: [] }
    const text = drawn(pagesOf(script)).join('\n')
    assert.match(text, /No model has had a call yet\.\n\nNo calls at the moment\./)
  })

  describe('with runners', () => {
    const runner = 'sha256-0123456789ab'
    const measured = { runner, effective_limit: 3, limit_reason: 'measured', available_slots: 0 }
    const none = { parallel_limit: null, effective_limit: null, available_slots: null }
    const cloud = { runner: 'cloud', limit_reason: 'cloud', ...none }
    const script = busyPages()
    script['/queue/stats'] = aStatsPage([
      aModel('zeta', { active_requests: 2, queued_requests: 1, ...measured }),
      aModel('alpha-copy', { active_requests: 1, queued_requests: 2, ...measured }),
      aModel('a-copy', measured),
      aModel('bert', { runner: 'b', effective_limit: 1, limit_reason: 'embedding' }),
      aModel('inputs', { active_requests: 1, runner: 'i', effective_limit: 4, available_slots: 1 }),
      aModel('x:cloud', { active_requests: 9, ...cloud }),
      aModel('y:cloud', cloud),
    ])
    const models = (width: number) => {
      const lines = drawn(pagesOf(script), width)
      const first = lines.findIndex((line) => line.startsWith('MODEL'))
      return lines.slice(first, lines.indexOf('', first))
    }

    it('shows the slots in force, why they are fewer, and names that share them together', () => {
      assert.deepEqual(
        models(130).map((line) => line.slice(0, 67)),
        [
          'MODEL       SLOTS               LIMIT                        LINE  ',
          'alpha-copy  ███▒▒▒▒▒▒▒ 1+2/3↓4  Ollama runs fewer         2+1/512  ',
          '└ zeta      ███████▒▒▒ 2+1/3↓4  Ollama runs fewer         1+2/512  ',
          '└ a-copy    ▒▒▒▒▒▒▒▒▒▒ 0+3/3↓4  Ollama runs fewer         0+3/512  ',
          'inputs      ████████░░ 3/4                                  0/512  ',
          'x:cloud                9        cloud, no limit             0/512  ',
          'bert        ░░░░░░░░░░ 0/1↓4    embedding: one at a time    0/512  ',
          'y:cloud                0        cloud, no limit             0/512  ',
        ],
      )
    })

    it('keeps the mark and the reason in 80 columns', () => {
      const [title, ...rows] = models(80)
      assert.equal(title, 'MODEL       SLOTS         LIMIT         LINE  WAIT P95  RUN P95   TOK/S  REFUSED')
      assert.equal(
        rows[1],
        '└ zeta      ███▒ 2+1/3↓4  measured   1+2/512      1.2s     8.0s      88        0',
      )
      assert.deepEqual(
        models(60).map((line) => line.slice(0, 42)),
        models(80).map((line) => line.slice(0, 42)),
      )
    })

    it('counts the slots of a runner without the figures of a newer proxy', () => {
      script['/queue/stats'] = aStatsPage([aModel('old', { active_requests: 2 }), aModel('older')])
      assert.match(models(80).join('\n'), /^old +██░░ 2\/4 /m)
      assert.doesNotMatch(models(80).join('\n'), /LIMIT|└/)
    })
  })

  it('puts the busy models first, each group by name', () => {
    const script = busyPages()
    script['/queue/stats'] = aStatsPage([
      aModel('c'),
      aModel('b', { queued_requests: 1 }),
      aModel('a'),
      aModel('d', { active_requests: 1 }),
    ])
    script['/queue/requests'] = { total: 1, requests: [aCall('z', waiting)] }
    const order = drawn(pagesOf(script)).flatMap((line) => /^([abcd]) /.exec(line)?.[1] ?? [])
    assert.deepEqual(order, ['b', 'd', 'a', 'c'])
  })
})

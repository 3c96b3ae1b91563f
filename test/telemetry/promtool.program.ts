import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { aFullScrape, metricsIn, namesOf } from './support/scrape-harness.ts'

const docs = join(import.meta.dirname, '..', '..', 'docs')
const monitoring = join(docs, 'monitoring')

interface Board {
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly type: string
    readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
  }[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
}

const board = JSON.parse(readFileSync(join(monitoring, 'grafana.json'), 'utf8')) as Board
const expressions = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** Fails with all that promtool said, and where there is no promtool with how to get it. */
function promtool(args: readonly string[], input = ''): void {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error) assert.fail(`promtool does not run (${error.message}); Debian: apt-get install prometheus`)
  assert.equal(status, 0, `promtool ${args.join(' ')}:\n${stdout}${stderr}`)
}

test('promtool finds nothing to object to in a scrape', async () => {
  const text = await aFullScrape()
  assert.ok(namesOf(text).has('ollama_guard_wait_seconds_bucket'))
  promtool(['check', 'metrics'], text)
})

test('promtool reads the scrape configuration and the alert rules', () => {
  promtool(['check', 'config', join(monitoring, 'prometheus.yml')])
  promtool(['check', 'rules', join(monitoring, 'alerts.yml')])
})

test('the alerts are raised when they should be', () => {
  promtool(['test', 'rules', join(monitoring, 'alerts.test.yml')])
})

test("promtool reads every expression of Grafana's board", () => {
  assert.ok(expressions.length > 30)
  const folder = mkdtempSync(join(tmpdir(), 'board-'))
  try {
    const rules = expressions.map((expr, at) => ({
      record: `board:panel:${at}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }))
    const file = join(folder, 'rules.yml')
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'board', rules }] }))
    promtool(['check', 'rules', file])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every metric that the board and the rules name is in a scrape', async () => {
  const scraped = namesOf(await aFullScrape())
  const variables = board.templating.list.map(({ definition = '' }) => definition)
  const named = {
    'grafana.json': [...expressions, ...variables].join('\n'),
    'alerts.yml': readFileSync(join(monitoring, 'alerts.yml'), 'utf8'),
    'alerts.test.yml': readFileSync(join(monitoring, 'alerts.test.yml'), 'utf8'),
  }
  for (const [file, text] of Object.entries(named)) {
    const names = metricsIn(text)
    assert.ok(names.length > 5, file)
    assert.deepEqual(
      names.filter((name) => !scraped.has(name)),
      [],
      file,
    )
  }
})

test('the page on monitoring has every metric of ours, with its labels, and every alert', async () => {
  const text = await aFullScrape()
  const page = readFileSync(join(docs, 'monitoring.md'), 'utf8')
  const rows = page.matchAll(/^\| `(ollama_guard_\w+)` \| ([\w, ]*?) ?\|/gm)
  const told = Object.fromEntries(Array.from(rows, ([, name, labels]) => [name, labels]))
  const families = Array.from(text.matchAll(/^# TYPE (ollama_guard_\w+) /gm), ([, name]) => name ?? '')
  assert.deepEqual(Object.keys(told).sort(), families.sort())
  for (const [name, labels = ''] of Object.entries(told)) {
    const [, sample = ''] = new RegExp(`^${name}(?:_sum)?(?:\\{(.*)\\})? `, 'm').exec(text) ?? []
    assert.equal(Array.from(sample.matchAll(/(\w+)="/g), ([, label]) => label).join(', '), labels, name)
  }
  const rules = readFileSync(join(monitoring, 'alerts.yml'), 'utf8')
  for (const [, alert = ''] of rules.matchAll(/- alert: (\w+)/g))
    assert.ok(page.includes(`\`${alert}\``), alert)
})

test('the board asks the chosen data source, and no two of its panels have one id', () => {
  const ids = board.panels.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  for (const { title, type, targets = [] } of board.panels) {
    assert.ok(type === 'row' || targets.length > 0, title)
    for (const { datasource } of targets) assert.equal(datasource.uid, `\${datasource}`, title)
  }
  assert.deepEqual(
    board.templating.list.map(({ name }) => name),
    ['datasource', 'job', 'model'],
  )
})

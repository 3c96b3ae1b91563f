import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Services } from '../../../src/http/services.ts'
import { GATED_PATHS } from '../../../src/ollama/routes.ts'
import { EndedCalls } from '../../../src/telemetry/ended-calls.ts'
import { TurnHistory } from '../../../src/telemetry/turn-history.ts'
import { appHarness } from '../../http/support/app-harness.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { renderOpenApi } from './openapi.ts'
import { templateOf } from './operations.ts'

const shipped = readFileSync(new URL('../../../docs/openapi.yaml', import.meta.url), 'utf8')

const responses = z.record(
  z.string().regex(/^[1-5]\d\d$/),
  z.union([z.object({ $ref: z.string() }), z.object({ description: z.string() })]),
)
const operation = z.object({
  summary: z.string(),
  tags: z.array(z.string()).nonempty(),
  parameters: z.array(z.object({ name: z.string(), in: z.enum(['path', 'query']) })).default([]),
  responses,
})
const document: unknown = parse(shipped)
const { components, openapi, paths } = z
  .object({
    openapi: z.string(),
    info: z.object({ title: z.string(), version: z.string() }),
    paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post']), operation)),
    components: z.object({
      schemas: z.record(z.string().regex(/^[\w.-]+$/), z.unknown()),
      securitySchemes: z.record(z.string(), z.unknown()),
    }),
  })
  .parse(document)

describe('docs/openapi.yaml', () => {
  it('is what the schemas give', () => {
    assert.equal(
      shipped,
      renderOpenApi(),
      'write the file again with: node --import tsx test/docs/openapi/write-openapi.ts',
    )
  })

  it('is an OpenAPI 3.1 document in which every reference leads somewhere', () => {
    assert.match(openapi, /^3\.1\./)
    const references = [...referencesIn(document)]
    assert.ok(references.length > 100)
    for (const reference of references) assert.notEqual(target(reference), undefined, reference)
  })

  it('uses every schema that it names', () => {
    const used = new Set(referencesIn(document))
    for (const name of Object.keys(components.schemas))
      assert.ok(used.has(`#/components/schemas/${name}`), name)
  })

  it('describes the routes of the proxy, and no others', () => {
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(described.sort(), [...new Set(routes())].sort())
  })

  it('has a line in docs/api.md for every route, and the page has no other', () => {
    const guide = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8')
    const table = guide.slice(guide.indexOf('## Routes'), guide.indexOf('## The fields'))
    const named = Array.from(table.matchAll(/`((?:GET|POST) [^`]+)`/g), ([, route]) => route)
    assert.deepEqual(named.sort(), [...new Set(routes())].sort())
  })

  it('names the parameters of each path', () => {
    for (const [path, item] of Object.entries(paths)) {
      const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name)
      for (const { parameters } of Object.values(item)) {
        const named = parameters.filter((each) => each.in === 'path').map(({ name }) => name)
        assert.deepEqual(named, inPath, path)
      }
    }
  })
})

/** The operations of an app that has all of its optional parts, as OpenAPI spells them. */
function routes(): string[] {
  const never = () => assert.fail('no request is made')
  const monitor: NonNullable<Services['monitor']> = {
    calls: { live: never, find: () => undefined, cancel: never },
    ended: new EndedCalls(new ManualClock()),
    pause: never,
    history: { page: never, window: never },
    turns: new TurnHistory(new ManualClock()),
    alerts: { page: never, brief: never },
    metrics: never,
    dashboard: never,
  }
  const callers = { now: never, auth: never, me: never }
  return appHarness({ callers, monitor, reload: never })
    .app.routes.filter(({ method, path }) => method !== 'ALL' && !GATED_PATHS.includes(path))
    .map(({ method, path }) => `${method} ${templateOf(path)}`)
}

function* referencesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner
    else yield* referencesIn(inner)
  }
}

/** What a JSON pointer within the document leads to. */
function target(reference: string): unknown {
  assert.ok(reference.startsWith('#/'), reference)
  let found = document
  for (const part of reference.slice(2).split('/')) {
    const record = z.record(z.string(), z.unknown()).safeParse(found)
    found = record.data?.[part.replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return found
}

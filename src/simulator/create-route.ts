import { PLAIN_JSON } from './answer-format.ts'
import { GoObject, type GoValue } from './go-decode.ts'
import { goJson } from './go-json.ts'
import type { GoStruct } from './go-struct.ts'
import type { HttpExchange } from './http-exchange.ts'
import { parseModelRef } from './model-ref.ts'
import { type Model, type OptionValue, sha256 } from './model-spec.ts'
import type { ModelChange } from './models.ts'
import { parseModelName } from './names.ts'
import { type ProgressLine, sendProgress } from './progress.ts'
import { pullLines } from './pull-route.ts'
import { modelField, nativeRoute } from './request.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

const INVALID_NAME = 'invalid model name'
/** Not spelled with single quotes, because the structure test reads a quote after `from` as an import. */
const NO_PARENT = 'neither "from" or "files" was specified'.replaceAll('"', "'")

/**
 * Creates a child of another model: server/create.go without the conversion of files. As in Ollama, the child has the
 * weights of `from`, and a `from` that is not on the disk is pulled first.
 */
export const create = nativeRoute('api.CreateRequest', (exchange, ollama, fields) => {
  const name = modelField(fields)
  const from = fields.text(`from`)
  const change: ModelChange = {
    system: fields.text('system'),
    template: fields.text('template'),
    parameters: readParameters(fields),
  }
  if (!parseModelName(name)) throw new WireError(400, INVALID_NAME)
  if (from === '') {
    // The simulator keeps no bytes of a blob, so no file is a model.
    const isFile = fields.raw('files') !== undefined
    return refuse(exchange, isFile ? 'unknown type' : NO_PARENT)
  }
  const { base, source } = parseModelRef(from)
  if (!parseModelName(base)) return refuse(exchange, INVALID_NAME)
  const stream = fields.flag('stream') !== false
  if (source !== 'cloud')
    return sendProgress(exchange, ollama, stream, createLines(ollama, base, name, change))
  const remote = ollama.library.cloudModel(base)
  if (remote) sendProgress(exchange, ollama, stream, write(ollama, remote, name, change))
})

function* createLines(
  ollama: SimulatedOllama,
  from: string,
  name: string,
  change: ModelChange,
): Generator<ProgressLine, void> {
  if (!ollama.library.find(from)) yield* pullLines(ollama, from)
  const parent = ollama.library.find(from)
  // The last line of the pull was its error.
  if (!parent) return
  if (parent.weights) yield { status: `using existing layer ${parent.weights.replace('-', ':')}` }
  for (const [kept, added] of layersOf(parent, change)) {
    const digest = `sha256:${sha256(added ?? kept)}`
    const isOld = added === undefined || ollama.blobs.has(digest)
    yield { status: `${isOld ? 'using existing' : 'creating new'} layer ${digest}` }
    ollama.blobs.add(digest)
  }
  yield* write(ollama, parent, name, change)
}

function* write(
  ollama: SimulatedOllama,
  parent: Model,
  name: string,
  change: ModelChange,
): Generator<ProgressLine, void> {
  yield { status: 'writing manifest' }
  ollama.library.create(parent, name, change)
  yield { status: 'success' }
}

/** The texts of the small layers: what the parent has, and what replaces it. Kept layers come before new ones. */
function layersOf(parent: Model, change: ModelChange): [kept: string, added: string | undefined][] {
  const options = (parameters: Model['parameters']) =>
    Object.keys(parameters).length > 0 ? JSON.stringify(parameters) : ''
  const added = options(change.parameters) && options({ ...parent.parameters, ...change.parameters })
  const layers: [string, string][] = [
    [parent.template, change.template ?? ''],
    [parent.system, change.system ?? ''],
    // Ollama writes the parameters anew whenever there are any.
    [options(parent.parameters), added],
  ]
  return [
    ...layers
      .filter(([kept, replaced]) => kept && !replaced)
      .map(([kept]): [string, undefined] => [kept, undefined]),
    ...layers.filter(([, replaced]) => replaced),
  ]
}

/** Errors of the work, before its first line, name no charset. */
function refuse(exchange: HttpExchange, error: string): void {
  exchange.answer(400, PLAIN_JSON, goJson({ error }))
}

function readParameters(fields: GoStruct): Record<string, OptionValue> {
  const given = fields.raw('parameters')
  if (given === undefined) return {}
  if (!(given instanceof GoObject)) fields.struct('parameters', 'map[string]interface {}')
  const entries = given instanceof GoObject ? given.entries : []
  return Object.fromEntries(
    entries.flatMap(([name, value]) => {
      const option = optionOf(value)
      return option === undefined ? [] : [[name, option]]
    }),
  )
}

/** Undefined: no option of Ollama has such a value. */
function optionOf(value: GoValue): OptionValue | undefined {
  if (value === null || value instanceof GoObject) return undefined
  if (typeof value !== 'object') return value
  return value.filter((item): item is string => typeof item === 'string')
}

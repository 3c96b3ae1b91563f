import { defineCommand } from 'citty'
import { z } from 'zod'
import { size } from '../config/values.ts'
import { DEFAULT_MODELS } from '../simulator/models.ts'
import { parseModelName } from '../simulator/names.ts'
import { createSimulator } from '../simulator/simulator.ts'
import { EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { decimal, positive, readFlags, whole } from './flag-values.ts'
import { onSignals } from './signals.ts'

const modelNames = z
  .string()
  .transform((list) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  )
  .pipe(
    z
      .array(z.string().refine((name) => parseModelName(name) !== undefined, 'is not a model name'))
      .min(1, 'names no model'),
  )

/** Bytes. */
const memory = z.string().transform((written, context) => {
  const { data } = size('any').safeParse(written)
  if (data !== undefined) return data
  context.addIssue({ code: 'custom', message: 'must be a size like 24GiB' })
  return z.NEVER
})

const flags = z.object({
  port: whole(0).pipe(z.number().max(65_535, 'must be 0 to 65535')),
  host: z.string().min(1, 'must name an address'),
  parallel: whole(1),
  'max-queue': whole(0),
  'max-loaded': whole(1),
  memory: memory.optional(),
  'load-time': decimal,
  'prompt-rate': positive,
  'token-rate': positive,
  models: modelNames,
})

/** Runs until SIGINT or SIGTERM. Exit code 2: a flag has a wrong value. 1: the address cannot be opened. */
export const simulateCommand = defineCommand({
  meta: {
    name: 'simulate',
    description: 'Run a simulated Ollama: its API, queues, load times and token rates, with made-up text.',
  },
  args: {
    port: { type: 'string', default: '11434', description: 'Port; 0 takes any free one.' },
    host: { type: 'string', default: '127.0.0.1', description: 'Address to listen on.' },
    parallel: { type: 'string', default: '1', description: 'Slots per model (OLLAMA_NUM_PARALLEL).' },
    'max-queue': {
      type: 'string',
      default: '512',
      description: 'Calls that may wait for a model to load (OLLAMA_MAX_QUEUE).',
    },
    'max-loaded': {
      type: 'string',
      default: '3',
      description: 'Models in memory at once (OLLAMA_MAX_LOADED_MODELS).',
    },
    memory: {
      type: 'string',
      description: 'Graphics memory that the models share, as 24GiB. Absent: all fit.',
    },
    'load-time': { type: 'string', default: '2', description: 'Seconds to load a model.' },
    'prompt-rate': { type: 'string', default: '1000', description: 'Prompt tokens per second.' },
    'token-rate': { type: 'string', default: '50', description: 'Output tokens per second.' },
    models: {
      type: 'string',
      default: DEFAULT_MODELS.join(','),
      description: 'Names of its models, separated by commas.',
    },
    'any-model': { type: 'boolean', default: false, description: 'Accept every valid model name.' },
  },
  async run({ args }) {
    const read = readFlags(flags, args)
    if (!read) return EXIT_USAGE
    const simulator = createSimulator({
      numParallel: read.parallel,
      maxQueue: read['max-queue'],
      maxLoaded: read['max-loaded'],
      ...(read.memory === undefined ? {} : { memoryBytes: read.memory }),
      loadMs: read['load-time'] * 1000,
      promptTokensPerSecond: read['prompt-rate'],
      outputTokensPerSecond: read['token-rate'],
      models: read.models,
      anyModel: args['any-model'],
    })
    try {
      const { url } = await simulator.listen(read.port, read.host)
      process.stdout.write(`${url}\n`)
    } catch (error) {
      process.stderr.write(`cannot listen: ${error instanceof Error ? error.message : error}\n`)
      return EXIT_FAILED
    }
    await new Promise<void>((resolve) => {
      const giveBack = onSignals(process, ['SIGINT', 'SIGTERM'], () => {
        giveBack()
        resolve()
      })
    })
    await simulator.close()
    return 0
  },
})

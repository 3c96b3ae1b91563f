import { type AnswerPlan, contextOf, inputTokens, type ModelInput, planAnswer, textOf } from './answer.ts'
import type { AnswerEnd, AnswerFormat, ErrorFormat } from './answer-format.ts'
import type { EngineCall, EngineFigures, EngineHandle } from './engine-call.ts'
import type { HttpExchange } from './http-exchange.ts'
import { integerOption, type OptionMap } from './load-options.ts'
import type { Model } from './model-spec.ts'
import { requestRunner } from './runner-request.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'
import { BUSY, LOAD_FAILED, RUNNER_DIED, WireError } from './wire-error.ts'

/** What a route reads from its request: the work, and the format of the answer. */
export interface Job {
  readonly model: Model
  readonly input: ModelInput
  /** The texts of an embed. */
  readonly inputs?: readonly string[]
  /** `embed` computes only the prompt. */
  readonly kind: 'generate' | 'load' | 'embed'
  /** Limit of the output, in tokens. */
  readonly limit?: number | undefined
  readonly keepAliveMs?: number | undefined
  /** The options of the request; absent on routes that have none. */
  readonly options?: OptionMap
  readonly shift?: boolean | undefined
  readonly stream: boolean
  readonly withContext?: boolean
  readonly format: AnswerFormat
  readonly errorFormat: ErrorFormat
}

/** Runs one call through the engine and sends its answer. Cancels the call when its client leaves. */
export function runJob(exchange: HttpExchange, ollama: SimulatedOllama, job: Job): void {
  const name = job.model.name.toLowerCase()
  const runner = job.model.remote ? 'cloud' : requestRunner(job.model, job.options, job.shift)
  const counts = ollama.engine.countsOf(name, runner === 'cloud' ? undefined : runner.key)
  counts.add('onWire')
  exchange.onOver(() => counts.add('onWire', -1))
  if (exchange.gone.aborted || ollama.faults.take('stall')) return
  if (ollama.faults.take('fail')) throw new WireError(500, RUNNER_DIED, 'handler')

  const script = ollama.script(job.input)
  const limit = job.limit ?? integerOption(new Map(Object.entries(job.model.parameters)), 'num_predict')
  const answer = planAnswer(job.input, limit, script)
  const inputs = job.inputs && inputTokens(job.inputs, script)
  const sender = new AnswerSender(exchange, ollama, job, answer)
  const call: EngineCall = {
    model: name,
    runner,
    promptTokens: promptTokensOf(job, answer, inputs),
    ...(inputs ? { inputs } : {}),
    outputTokens: job.kind === 'generate' ? answer.outputTokens : 0,
    loadOnly: job.kind === 'load',
    keepAliveMs: job.keepAliveMs,
    stretch: ollama.faults.take('slow')?.factor ?? 1,
    ...(sender.streams ? { onToken: (index: number) => sender.token(index) } : {}),
    onDone: (figures) => sender.done(figures),
    onLoadFailed: (failure) => sender.failed(new WireError(500, LOAD_FAILED[failure], 'handler')),
  }
  const handle = ollama.engine.submit(call)
  if (!handle) throw new WireError(503, BUSY, 'handler')
  sender.handle = handle
  exchange.gone.addEventListener('abort', () => handle.cancel(), { once: true })
}

function promptTokensOf({ kind }: Job, answer: AnswerPlan, inputs: readonly number[] | undefined): number {
  if (kind === 'load') return 0
  return inputs ? inputs.reduce((sum, tokens) => sum + tokens, 0) : answer.promptTokens
}

interface StreamFault {
  readonly name: 'crash' | 'silence' | 'cut' | 'reset'
  /** Pieces of text that are sent before the fault. */
  readonly after: number
}

/** Sends one answer, with at most one fault. */
class AnswerSender {
  readonly streams: boolean
  handle: EngineHandle | undefined
  readonly #exchange: HttpExchange
  readonly #job: Job
  readonly #answer: AnswerPlan
  readonly #fault: StreamFault | undefined
  #broken = false

  constructor(exchange: HttpExchange, ollama: SimulatedOllama, job: Job, answer: AnswerPlan) {
    this.#exchange = exchange
    this.#job = job
    this.#answer = answer
    this.streams = job.stream && job.kind === 'generate'
    this.#fault = takeStreamFault(ollama)
    if (this.streams) exchange.open(job.format.streamHeaders)
  }

  token(index: number): void {
    if (index >= this.#answer.pieces) return
    this.#send(this.#job.format.piece(this.#answer.piece(index)), index)
  }

  done(figures: EngineFigures): void {
    if (this.#broken) return
    const { format, kind, withContext, input } = this.#job
    const end: AnswerEnd = {
      text: kind === 'generate' ? textOf(this.#answer) : '',
      reason: kind === 'load' ? 'load' : this.#answer.reason,
      figures: kind === 'load' ? undefined : figures,
      context: withContext && kind === 'generate' ? contextOf(input, this.#answer) : undefined,
    }
    if (this.streams) {
      this.#send(format.end(end), this.#answer.pieces)
      if (!this.#broken) this.#exchange.end()
    } else this.#sendWhole(end)
  }

  /** Sends an error in place of the answer, of which nothing has been sent. */
  failed(error: WireError): void {
    const { type, text } = this.#job.errorFormat(error)
    this.#exchange.answer(error.status, type, text)
  }

  #send(flushes: readonly string[], piece: number): void {
    const fault = this.#fault
    if (fault && piece >= fault.after) {
      this.#break(fault.name, flushes)
      return
    }
    let clientKeepsUp = true
    for (const flush of flushes) clientKeepsUp = this.#exchange.write(flush)
    if (clientKeepsUp) return
    // A client that does not read stops its own generation, and the call keeps its slot.
    this.handle?.pause()
    this.#exchange.onDrained(() => this.handle?.resume())
  }

  #break(name: StreamFault['name'], flushes: readonly string[]): void {
    this.#broken = true
    this.handle?.fail()
    if (name === 'cut' || name === 'reset') {
      this.#exchange.breakOff(flushes[0] ?? '', name === 'cut' ? 'fin' : 'rst', false)
      return
    }
    if (name === 'crash') for (const flush of this.#job.format.failed()) this.#exchange.write(flush)
    this.#exchange.end()
  }

  #sendWhole(end: AnswerEnd): void {
    const { type, text } = this.#job.format.whole(end)
    const name = this.#fault?.name
    if (name === 'crash') {
      this.failed(new WireError(500, RUNNER_DIED, 'handler'))
    } else if (name === 'cut' || name === 'reset') {
      this.#exchange.header('Content-Type', type)
      this.#exchange.breakOff(text, name === 'cut' ? 'fin' : 'rst', true)
    } else this.#exchange.answer(200, type, text)
  }
}

function takeStreamFault({ faults }: SimulatedOllama): StreamFault | undefined {
  for (const name of ['crash', 'silence', 'cut', 'reset'] as const) {
    const fault = faults.take(name)
    if (fault) return { name, after: fault.after }
  }
  return undefined
}

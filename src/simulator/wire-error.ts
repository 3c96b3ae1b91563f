import type { LoadFailure } from './load-faults.ts'

/** An error answer in place of the whole answer. The ErrorFormat of the route writes its body. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly status: number
  /**
   * Decides the charset and the newline on /v1 routes. `handler`: from the /api handler inside, rewritten by the
   * route's error writer. `check`: from the route's own checks, written by gin. `bare`: from before the route, so in
   * the format of /api routes.
   */
  readonly origin: 'handler' | 'check' | 'bare'

  constructor(status: number, message: string, origin: 'handler' | 'check' | 'bare' = 'check') {
    super(message)
    this.status = status
    this.origin = origin
  }
}

export const BUSY = 'server busy, please try again.  maximum pending requests exceeded'
/** Ollama: WaitUntilRunning in llm/llama_server.go, with what llama.cpp writes when a CUDA buffer does not fit. */
export const LOAD_FAILED: Readonly<Record<LoadFailure, string>> = {
  oom: 'llama-server process has terminated: exit status 1: cudaMalloc failed: out of memory\nerror loading model: unable to allocate CUDA0 buffer',
  crash: 'llama-server process has terminated: signal: segmentation fault (core dumped)',
}
export const RUNNER_DIED =
  'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details'

import type { Call } from '../admission/contract.ts'
import type { GatedRequest } from '../ollama/gated-request.ts'
import { loadOptions, signature } from '../ollama/load-options.ts'
import type { CallRecord } from './call-record.ts'

/**
 * What to ask of admission for a request; undefined for a request that loads and runs nothing. `deadline`: clock
 * milliseconds.
 */
export function wantedCall(
  request: GatedRequest,
  { requester, class: callClass }: Pick<CallRecord, 'requester' | 'class'>,
  deadline: number,
): Call | undefined {
  const { model, work, inputs, options, keepsLoaded, body } = request
  if (model === undefined || work === 'none') return undefined
  return {
    model: model.key,
    caller: requester.caller,
    user: requester.user,
    class: callClass,
    deadline,
    bytes: body.length,
    slots: work === 'run' ? inputs : 0,
    work,
    options: options === undefined ? '' : signature(loadOptions(options)),
    keepsLoaded,
  }
}

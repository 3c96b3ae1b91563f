import type { Words } from './words.ts'

export const en: Words = {
  seconds: { one: 'in {n} second', other: 'in {n} seconds' },
  messages: {
    queue_full: 'Server is currently busy processing other requests. Please try again {wait|later}.',
    paused: 'The operator of this server has paused this model. Please try again {wait|later}.',
    timeout: 'Request timed out. Please try again with a shorter prompt or {wait|later}.',
    timeout_whole:
      'Request timed out. The whole answer was asked for at once, so its first byte would have been its last. Please ask for a stream, or have the time limit of this server raised.',
    upstream_error: 'Ollama cannot be reached or did not answer properly. Please try again later.',
    body_too_large: 'The request body is larger than this server accepts.',
    body_stalled: 'The request body stopped coming. Please send the request again.',
    invalid_form:
      'This form cannot be read. Please send a plain multipart/form-data body with the model near its beginning.',
    invalid_target: 'This request target is not valid.',
    too_many_attempts: 'Too many failed attempts from this address. Please wait before the next one.',
    shutting_down: 'Server is shutting down. Please try again {wait|in a moment}.',
    stream_broken: 'Ollama broke off in the middle of its answer. Please try again.',
    stream_idle: 'Ollama stopped in the middle of its answer for too long. Please try again.',
    cancelled: 'An operator of this server ended the request.',
    stream_cancelled: 'An operator of this server ended the request in the middle of its answer.',
    request_not_found: 'No request with this id is waiting or running.',
    too_many_listeners: 'Too many listeners follow the queue already.',
    internal_error: 'Something went wrong on this server.',
    unauthorized: 'The admin token is missing.',
    forbidden: 'You are not allowed to do this.',
    foreign_host:
      'This server answers only to the names of its own machine. Please call it as localhost or 127.0.0.1, or ask its operator to read the log.',
    model_not_found: 'No requests for this model have been seen.',
    stats_disabled: 'Queue statistics are switched off on this server.',
    invalid_request: 'The request is not valid.',
    invalid_config: 'The configuration is not valid. Nothing was changed.',
    not_found: 'There is nothing at this address.',
    method_not_allowed: 'This address does not support the request method.',
  },
}

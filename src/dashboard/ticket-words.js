import { duration } from './figures.js'

/** Words for a token, roughly, in English. */
const WORDS_A_TOKEN = 0.75

/** Keeps a number and its unit on one line. */
const NBSP = '\u00a0'

const LATER = 'Please try again in a minute.'

/** What a call waits for, and what comes next. `then`: `about 40 s`, or empty where nobody knows. */
const WAITING_FOR = {
  slot: (then) => sentence(then),
  turn: (then) =>
    `Another model has the machine. ${then ? `Your call gets its turn in ${then}.` : 'Your call gets its turn after it.'}`,
  load: (then) => `Your model is being loaded. ${sentence(then)}`,
  budget: (then) =>
    `Another model has the machine and changes are rare. ${then ? `Your call gets its turn in ${then}.` : ''}`,
  paused: () => 'The operator of this server has paused the model. You keep your place.',
  stuck: () => 'Ollama does not get on with the model. You keep your place until Ollama works again.',
  caller: () =>
    'As many of your calls are at work as may be at once. This one starts when one of them is done.',
}

/** Why a call was refused, and what to do. By the code of the error. */
const REFUSED = {
  queue_full: ['the line is full', LATER],
  shutting_down: ['the server is shutting down', LATER],
  load_failed: [
    'Ollama could not load the model',
    'Try again later or with another model, and tell the operator if that goes on.',
  ],
  model_stuck: [
    'Ollama does not get on with the model',
    'Try again in a minute or with another model, and tell the operator if that goes on.',
  ],
  model_not_allowed: [
    'your key is not for this model',
    'Choose another model, or ask the operator of this server for this one.',
  ],
  insufficient_quota: [
    'the budget of your key is used up',
    'The budget is renewed with the day or the month. The operator of this server can raise it.',
  ],
}

/** The same for calls that were refused because of themselves. By status. */
const REFUSED_BY_STATUS = {
  400: ['the call is not valid', 'The program that sent it has the reason.'],
  408: ['the call did not arrive in full', 'Please check the connection and send it again.'],
  413: ['the call is too large', 'Please send less at once.'],
}

/**
 * What a person reads of a call: `headline`, `detail`, `advice`, `title` for the tab, and `mood`: good, bad or none.
 * `call`: the answer of /queue/requests/{id}.
 */
export function wordsOf(call) {
  return { detail: '', advice: '', mood: '', ...WORDS[call.state]?.(call) }
}

const WORDS = {
  reading: () => ({
    headline: 'Your call is on its way.',
    detail: 'It has not arrived in full yet.',
    title: 'On its way',
  }),
  waiting({ position, waiting_for, estimated_start_ms }) {
    const then = about(estimated_start_ms)
    const place = placeIn(position)
    const words = WAITING_FOR[waiting_for] ?? sentence
    return { headline: `You are ${place}.`, detail: words(then), title: capital(place) }
  },
  running({ tokens_out }) {
    const words = tokens_out > 0 ? `About ${wordCount(tokens_out)} so far.` : ''
    return { headline: 'Ollama is working on your call.', detail: words, title: 'At work' }
  },
  done: (call) => ({ title: 'Over', mood: 'bad', ...ENDED[call.outcome]?.(call) }),
}

const ENDED = {
  done({ status, tokens_out, total_ms }) {
    if (status >= 400)
      return {
        headline: 'Ollama answered with an error.',
        detail: `The program that sent the call has the message (status ${status}).`,
      }
    const words = tokens_out > 0 ? ` It has about ${wordCount(tokens_out)}.` : ''
    const detail = `The answer took ${duration(total_ms)} in all.${words}`
    return { headline: 'Done.', detail, title: 'Done', mood: 'good' }
  },
  failed: ({ status }) => ({
    headline: 'That went wrong.',
    detail:
      status === 502
        ? 'Ollama could not be reached, or broke off before it answered.'
        : 'Ollama gave an error, or its answer broke off.',
    advice: 'Please try again. If that goes on, tell the operator of this server.',
  }),
  cancelled({ reason, status }) {
    if (reason === 'superseded')
      return {
        headline: 'A newer call took its place.',
        detail: 'The program that sent the call has sent a newer one with the same queue key.',
      }
    if (status === 499)
      return {
        headline: 'The call was ended.',
        detail: 'The operator of this server ended it.',
        advice: 'Ask the operator before you send it again.',
      }
    if (status === null)
      return { headline: 'The call was given up.', detail: 'The program that sent it has left.' }
    return {
      headline: 'The call ended early.',
      detail: 'The program that sent it has left, or the operator of this server ended the call.',
    }
  },
  timed_out: ({ running_ms, waited_ms }) =>
    running_ms === null
      ? {
          headline: 'Timed out.',
          detail: `The call waited ${duration(waited_ms)}, and longer it may not wait.`,
          advice: 'Please try again later.',
        }
      : {
          headline: 'Timed out.',
          detail: 'Ollama did not answer in time.',
          advice: 'Please try again with a shorter prompt, or ask for a stream.',
        },
  refused({ reason, status }) {
    const [why, advice] = REFUSED[reason] ?? REFUSED_BY_STATUS[status] ?? []
    if (why === undefined)
      return { headline: 'Refused.', detail: `The program that sent the call has the reason.` }
    return { headline: `Refused: ${why}.`, advice }
  },
}

/** `next in line`, `3rd in line`. */
function placeIn(position) {
  if (position === null) return 'in line'
  return position === 1 ? 'next in line' : `${ordinal(position)} in line`
}

/** `2nd`, `3rd`, `11th`, `21st`. */
function ordinal(number) {
  const isTeen = Math.floor(number / 10) % 10 === 1
  return `${number}${(isTeen ? undefined : { 1: 'st', 2: 'nd', 3: 'rd' }[number % 10]) ?? 'th'}`
}

/** `about 40 s`. An estimate is no promise, so it has no more figures than it is worth. Empty where it is unknown. */
function about(ms) {
  if (ms === null) return ''
  const seconds = ms / 1_000
  if (seconds < 5) return 'a few seconds'
  if (seconds < 57.5) return `about ${Math.round(seconds / 5) * 5}${NBSP}s`
  if (seconds < 3_570) return `about ${Math.round(seconds / 60)}${NBSP}min`
  return `about ${duration(Math.round(seconds / 600) * 600_000)}`
}

/** `90 words`, `1 word`. */
function wordCount(tokens) {
  const words = Math.max(1, Math.round(tokens * WORDS_A_TOKEN))
  const rough = words < 100 ? words : Math.round(words / 10) * 10
  return `${rough.toLocaleString('en')} ${rough === 1 ? 'word' : 'words'}`
}

function sentence(then) {
  return then === '' ? 'Nobody knows yet how long that takes.' : `${capital(then)}.`
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

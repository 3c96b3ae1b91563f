const DURATIONS = /"((?:total|load|prompt_eval|eval)_duration)":\d+/g
const TIMES = /"(created|created_at|completed_at|expires_at|modified_at)":(?:\d+|"[^"]*")/g
const IDS = /(chatcmpl-|cmpl-|resp_|msg_|req_)[0-9a-f]+/g

/** An answer without what differs from call to call: time stamps, durations and made-up ids. */
export function masked(text: string): string {
  return text.replace(DURATIONS, '"$1":0').replace(TIMES, '"$1":0').replace(IDS, '$1#')
}

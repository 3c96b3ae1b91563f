/** `parallel`: slots. `queue`: places in line, 0 = nobody waits. */
export interface Limits {
  readonly parallel: number
  readonly queue: number
}

/** What admission has to know of a call. Times are clock milliseconds. */
export interface Call {
  readonly model: string
  readonly deadline: number
  readonly bytes: number
}

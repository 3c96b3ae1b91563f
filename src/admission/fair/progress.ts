/** How far a line has served. In slot-milliseconds for each unit of weight. */
export interface LineProgress {
  /** ServiceLevel of the order of callers, in one class. */
  readonly level: number
  /** ServiceLevel of the order of classes. */
  readonly v: number
  /** Calls of the class wait or run there. */
  readonly hasClass: boolean
  /** Whom the line served last, of the class. */
  readonly last: object | undefined
}

/** A line that can tell how far it has served. */
export interface ServedLine {
  /** `classIndex`: in CALL_CLASSES. */
  progress(classIndex: number): LineProgress
}

/** How far another line had served when a caller was seen to wait, and what the caller had got. */
export interface SeenLine {
  readonly line: ServedLine
  readonly progress: LineProgress
  /** What the caller had got, as its own line counts. */
  readonly key: number
  /** What the caller had got beyond the level of its own line. */
  readonly lead: number
}

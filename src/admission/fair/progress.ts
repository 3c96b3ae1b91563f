/** How far a line has served. In slot-milliseconds for each unit of weight. */
export interface Progress {
  /** Level of the order of callers, in one class. */
  readonly level: number
  /** Level of the order of classes. */
  readonly v: number
  /** Calls of the class wait or run there. */
  readonly hasClass: boolean
}

/** A line that can tell how far it has served. */
export interface ServedLine {
  /** `classIndex`: in CALL_CLASSES. */
  progress(classIndex: number): Progress
}

/** How far another line had served when a caller began to wait. */
export interface SeenLine extends Progress {
  readonly line: ServedLine
}

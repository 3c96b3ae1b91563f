/** How long the rest of a refused body is read and thrown away before its connection is closed. */
export const DISCARD_MS = 10_000
/** A client that sends nothing for so long has stopped sending, and has had time to read the answer. */
export const SILENT_MS = 1_000

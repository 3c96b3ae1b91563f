/** Headers of a request or an answer may take this many bytes, on both sides of the proxy. Ollama takes 1 MiB. */
export const MAX_HEADER_BYTES = 256 * 1024

/** How long an idle connection to Ollama is kept for the next call. */
export const UPSTREAM_KEEP_ALIVE_MS = 60_000

/** A runner that Ollama runs with one slot, whatever OLLAMA_NUM_PARALLEL says. */
export interface ForcedSlots {
  readonly slots: 1
  readonly reason: 'embedding' | 'family' | 'format'
}

/**
 * The families that Ollama runs with one slot. Source: server/sched.go, lines 506 to 511, of Ollama at fb3076099
 * (2026-08-21, 0.33.0-rc2). The list changes with Ollama's versions.
 */
const FAMILIES: ReadonlySet<string> = new Set([
  'mllama',
  'qwen3vl',
  'qwen3vlmoe',
  'qwen35',
  'qwen35moe',
  'qwen3next',
  'lfm2',
  'lfm2moe',
  'nemotron_h',
  'nemotron_h_moe',
  'nemotron_h_omni',
])

/**
 * Whether Ollama runs a model with one slot, by what /api/tags tells of the model. Ollama compares all three texts
 * exactly, in their case.
 *
 * - Format safetensors: the MLX runner takes one request after the other (x/mlxrunner/runner.go, `Runner.Run`). Models
 *   that make images have this format, too. Ollama before 0.32.6 ran such models, one picture at a time
 *   (x/imagegen/imagegen.go, `imageGenMu`); Ollama since then answers their calls with 400.
 * - No capability `completion` (server/sched.go, line 498): a GGUF model has either `completion` or `embedding`
 *   (server/images.go, `ggufCapabilities`). Models that understand sound have `completion`: for Ollama a transcription
 *   is a chat.
 * - No capabilities at all prove nothing: Ollama leaves an empty list out, as older versions leave out every list.
 */
export function forcedSlots({
  capabilities,
  family,
  format,
}: {
  readonly capabilities: readonly string[] | undefined
  readonly family: string
  readonly format: string
}): ForcedSlots | undefined {
  if (format === 'safetensors') return { slots: 1, reason: 'format' }
  if (capabilities !== undefined && capabilities.length > 0 && !capabilities.includes('completion'))
    return { slots: 1, reason: 'embedding' }
  return FAMILIES.has(family) ? { slots: 1, reason: 'family' } : undefined
}

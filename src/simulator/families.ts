/** The facts of a model that Ollama reads from the model's file. */
export interface ModelTraits {
  /** The architecture, as in details.family. */
  readonly family: string
  /** In the order in which Ollama lists capabilities. Without `completion`, a model cannot generate text. */
  readonly capabilities: readonly string[]
  /** Empty for a model that runs on another host. */
  readonly format: 'gguf' | 'safetensors' | ''
}

/** Families that Ollama runs with one slot, whatever OLLAMA_NUM_PARALLEL is: server/sched.go of 2026-08-21. */
const SINGLE_SLOT_FAMILIES: readonly string[] = [
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
]

const CHAT = ['completion', 'tools']
const THINKING = [...CHAT, 'thinking']
const VISION = ['completion', 'vision', 'tools', 'thinking']

/** Families by the names under which people know the models. The first match counts. */
const FAMILIES: readonly (readonly [pattern: RegExp, family: string, capabilities: readonly string[]])[] = [
  [/minilm|embed|bge-/, 'bert', ['embedding']],
  [/flux/, 'flux', ['image']],
  [/z-image/, 'z', ['image']],
  [/llama3\.2-vision|^mllama/, 'mllama', ['completion', 'vision']],
  [/^qwen3-?vl.*(moe|-a\d+b)/, 'qwen3vlmoe', VISION],
  [/^qwen3-?vl/, 'qwen3vl', VISION],
  [/^qwen3\.?5.*(moe|-a\d+b)/, 'qwen35moe', VISION],
  [/^qwen3\.?5/, 'qwen35', VISION],
  [/^qwen3-?next/, 'qwen3next', THINKING],
  [/^lfm2.*(moe|-a\d+b)/, 'lfm2moe', CHAT],
  [/^lfm2/, 'lfm2', CHAT],
  [/^nemotron.*omni/, 'nemotron_h_omni', VISION],
  [/^nemotron_h_moe|^nemotron-3/, 'nemotron_h_moe', THINKING],
  [/^nemotron[_-]h/, 'nemotron_h', THINKING],
  [/^gpt-oss/, 'gptoss', THINKING],
]

/** The traits that a model's name suggests. `name` has no host and no namespace. */
export function traitsOf(name: string): ModelTraits {
  const lower = name.toLowerCase()
  const [, family, capabilities] = FAMILIES.find(([pattern]) => pattern.test(lower)) ?? []
  return {
    family: family ?? /^[a-z]+/.exec(lower)?.[0] ?? 'llama',
    capabilities: capabilities ?? CHAT,
    format: /(^|[^a-z])mlx/.test(lower) ? 'safetensors' : 'gguf',
  }
}

/** True for a model that Ollama runs one call at a time, whatever OLLAMA_NUM_PARALLEL is. */
export function hasSingleSlot({ family, capabilities, format }: ModelTraits): boolean {
  return (
    format === 'safetensors' || !capabilities.includes('completion') || SINGLE_SLOT_FAMILIES.includes(family)
  )
}

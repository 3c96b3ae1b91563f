interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

/** What Node's --cpu-prof writes, as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  readonly group: string
  /** Function, file and line. */
  readonly name: string
  readonly micros: number
}

/** Microseconds spent in each function itself, the longest first. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const byName = new Map<string, SelfTime>()
  for (const [index, id] of samples.entries()) {
    const frame = byId.get(id)
    if (!frame) continue
    const group = groupOf(frame.functionName, frame.url)
    const name = `${frame.functionName || '(anonymous)'} ${placeOf(frame.url, frame.lineNumber)}`
    const key = `${group} ${name}`
    const micros = (byName.get(key)?.micros ?? 0) + (timeDeltas[index] ?? 0)
    byName.set(key, { group, name, micros })
  }
  return [...byName.values()].sort((a, b) => b.micros - a.micros)
}

/**
 * Microseconds of one native function by the nearest function above it that is neither native nor Node's, which is
 * who asked for it; without one it was Node's own turn.
 */
export function callersOf(name: string, { nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const byCaller = new Map<string, SelfTime>()
  for (const [index, id] of samples.entries()) {
    if (byId.get(id)?.callFrame.functionName !== name) continue
    let at = parents.get(id)
    while (at !== undefined && !byId.get(at)?.callFrame.url.startsWith('file:')) at = parents.get(at)
    const frame = at === undefined ? undefined : byId.get(at)?.callFrame
    const group = frame ? groupOf(frame.functionName, frame.url) : 'node'
    const caller = frame
      ? `${frame.functionName || '(anonymous)'} ${placeOf(frame.url, frame.lineNumber)}`
      : ''
    const micros = (byCaller.get(`${group} ${caller}`)?.micros ?? 0) + (timeDeltas[index] ?? 0)
    byCaller.set(`${group} ${caller}`, { group, name: caller, micros })
  }
  return [...byCaller.values()].sort((a, b) => b.micros - a.micros)
}

export function groupTimes(times: readonly SelfTime[]): { group: string; micros: number }[] {
  const sums = new Map<string, number>()
  for (const { group, micros } of times) sums.set(group, (sums.get(group) ?? 0) + micros)
  return [...sums].map(([group, micros]) => ({ group, micros })).sort((a, b) => b.micros - a.micros)
}

function groupOf(name: string, url: string): string {
  if (name === '(idle)') return 'idle'
  if (name === '(garbage collector)') return 'garbage collection'
  if (name === '(program)') return 'native code outside JavaScript'
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (dependency !== undefined) return dependency
  if (url.startsWith('file:')) return 'ours'
  if (/^node:(?:_http|internal\/http)/.test(url)) return 'node: http'
  if (
    /^node:(?:net|internal\/stream_base|internal\/streams|stream|events|buffer|internal\/buffer)/.test(url)
  ) {
    return 'node: sockets and streams'
  }
  if (url.startsWith('node:')) return 'node: other'
  // Functions of C++ called from JavaScript, such as writev or a parser's execute, name no file.
  return 'native calls'
}

function placeOf(url: string, line: number): string {
  if (url === '') return ''
  const short = url.replace(/^.*\/node_modules\//, '').replace(/^file:.*\/dist\//, '')
  return `${short}:${line + 1}`
}

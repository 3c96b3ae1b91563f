/** A span as a collector got it. Times in milliseconds since 1970, to 0.001. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the first span of a trace. */
  readonly parentId: string
  readonly traceState: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'other'
  readonly start: number
  readonly end: number
  readonly status: 'unset' | 'ok' | 'error'
  readonly attributes: Readonly<Record<string, Value>>
  readonly events: readonly { readonly name: string; readonly time: number }[]
  /** Those of the process that made it. */
  readonly resource: Readonly<Record<string, Value>>
  readonly scope: string
}

type Value = string | number | boolean | undefined

/** The fields of a message, by number, in their order: varints and fixed64 as bigint, the rest as bytes. */
type Fields = ReadonlyMap<number, readonly (bigint | Buffer)[]>

/** Reads an ExportTraceServiceRequest: opentelemetry/proto/collector/trace/v1/trace_service.proto. */
export function decodeTraces(request: Buffer): CollectedSpan[] {
  return messages(read(request), 1).flatMap((resourceSpans) => {
    const resource = messages(resourceSpans, 1).flatMap(attributesOf(1))
    return messages(resourceSpans, 2).flatMap((scopeSpans) => {
      const scope = messages(scopeSpans, 1).map((found) => text(found, 1))[0] ?? ''
      return messages(scopeSpans, 2).map((span) => readSpan(span, Object.assign({}, ...resource), scope))
    })
  })
}

function readSpan(span: Fields, resource: CollectedSpan['resource'], scope: string): CollectedSpan {
  const [status] = messages(span, 15)
  return {
    traceId: bytes(span, 1).toString('hex'),
    spanId: bytes(span, 2).toString('hex'),
    traceState: text(span, 3),
    parentId: bytes(span, 4).toString('hex'),
    name: text(span, 5),
    kind: (['other', 'internal', 'server', 'client'] as const)[Number(integer(span, 6))] ?? 'other',
    start: milliseconds(integer(span, 7)),
    end: milliseconds(integer(span, 8)),
    attributes: Object.assign({}, ...attributesOf(9)(span)),
    events: messages(span, 11).map((event) => ({
      name: text(event, 2),
      time: milliseconds(integer(event, 1)),
    })),
    status: (['unset', 'ok', 'error'] as const)[status ? Number(integer(status, 3)) : 0] ?? 'unset',
    resource,
    scope,
  }
}

const attributesOf = (field: number) => (message: Fields) =>
  messages(message, field).map((pair) => ({ [text(pair, 1)]: readValue(messages(pair, 2)[0]) }))

function readValue(value: Fields | undefined): Value {
  if (value?.has(1)) return text(value, 1)
  if (value?.has(2)) return integer(value, 2) === 1n
  if (value?.has(3)) return Number(BigInt.asIntN(64, integer(value, 3)))
  return value?.has(4) ? doubleOf(integer(value, 4)) : undefined
}

function doubleOf(bits: bigint): number {
  const eight = Buffer.alloc(8)
  eight.writeBigUInt64LE(bits)
  return eight.readDoubleLE()
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000n) / 1_000
}

function read(message: Buffer): Fields {
  const fields = new Map<number, (bigint | Buffer)[]>()
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number) => {
    at += length
    if (at > message.length) throw new Error('a field goes on past the end of its message')
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = Number(varint())
    const wire = tag & 7
    let value: bigint | Buffer
    if (wire === 0) value = varint()
    else if (wire === 1) value = take(8).readBigUInt64LE()
    else if (wire === 2) value = take(Number(varint()))
    else if (wire === 5) value = BigInt(take(4).readUInt32LE())
    else throw new Error(`wire type ${wire} is not of protobuf 3`)
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value])
  }
  return fields
}

function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).filter((value) => typeof value !== 'bigint').map(read)
}

function bytes(fields: Fields, field: number): Buffer {
  const [value] = fields.get(field) ?? []
  return value === undefined || typeof value === 'bigint' ? Buffer.alloc(0) : value
}

function text(fields: Fields, field: number): string {
  return bytes(fields, field).toString('utf8')
}

function integer(fields: Fields, field: number): bigint {
  const [value] = fields.get(field) ?? []
  return typeof value === 'bigint' ? value : 0n
}

export type Json = { readonly [key: string]: unknown }

/**
 * A schema as zod writes it, without what says nothing in an OpenAPI document, and with `anyOf: [X, null]` as one
 * schema where X is no reference.
 */
export function tidy(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(tidy)
  if (!isObject(schema)) return schema
  const { $schema, $id, propertyNames, ...rest } = orNull(schema)
  const kept =
    isObject(propertyNames) && Object.keys(propertyNames).join() !== 'type' ? { propertyNames } : {}
  return Object.fromEntries(Object.entries({ ...rest, ...kept }).map(([key, value]) => [key, tidy(value)]))
}

function orNull(schema: Json): Json {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema
  const [inner, other]: unknown[] = anyOf
  if (!isObject(inner) || !isObject(other) || other.type !== 'null' || typeof inner.type !== 'string')
    return schema
  const { const: only, enum: words = only === undefined ? undefined : [only], ...kept } = inner
  return {
    ...kept,
    ...rest,
    type: [inner.type, 'null'],
    ...(Array.isArray(words) && { enum: [...words, null] }),
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}

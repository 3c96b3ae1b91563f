import { GoObject, type GoValue } from './go-decode.ts'
import { WireError } from './wire-error.ts'

/**
 * A request's struct as Go reads it: the case of keys is ignored, the last of equal keys counts, and null means absent.
 * A field of the wrong type throws WireError 400.
 */
export class GoStruct {
  readonly #struct: string
  readonly #object: GoObject

  constructor(struct: string, value: GoValue) {
    if (value !== null && !(value instanceof GoObject)) {
      throw new WireError(400, `json: cannot unmarshal ${kindOf(value)} into Go value of type ${struct}`)
    }
    this.#struct = struct
    this.#object = value ?? new GoObject([])
  }

  /** The value without a check of its type; undefined when absent. */
  raw(name: string): GoValue | undefined {
    let found: GoValue | undefined
    for (const [key, value] of this.#object.entries) {
      if (key === name || key.toLowerCase() === name) found = value ?? undefined
    }
    return found
  }

  /** Unlike the fields that Go can leave absent, a string keeps its value when null comes after the value. */
  text(name: string): string {
    let text = ''
    for (const [key, value] of this.#object.entries) {
      if (value === null || (key !== name && key.toLowerCase() !== name)) continue
      text = typeof value === 'string' ? value : this.#wrongType(name, value, 'string')
    }
    return text
  }

  /** Undefined when absent, because an absent `stream` and a false `stream` differ. */
  flag(name: string): boolean | undefined {
    const value = this.raw(name)
    return value === undefined || typeof value === 'boolean' ? value : this.#wrongType(name, value, 'bool')
  }

  number(name: string): number | undefined {
    const value = this.raw(name)
    return value === undefined || typeof value === 'number' ? value : this.#wrongType(name, value, 'float64')
  }

  integer(name: string): number | undefined {
    const value = this.raw(name)
    if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value
    return this.#wrongType(name, value, 'int')
  }

  /** An empty struct when absent. */
  struct(name: string, struct: string): GoStruct {
    const value = this.raw(name) ?? new GoObject([])
    return value instanceof GoObject ? new GoStruct(struct, value) : this.#wrongType(name, value, struct)
  }

  /** The entries of a Go map: unlike the fields of a struct, keys of different case differ, and null is a value. */
  entries(): Map<string, GoValue> {
    return new Map(this.#object.entries)
  }

  list(name: string, element: string): readonly GoValue[] {
    const value = this.raw(name) ?? []
    return isList(value) ? value : this.#wrongType(name, value, `[]${element}`)
  }

  structs(name: string, struct: string): readonly GoStruct[] {
    return this.list(name, struct).map((item) => new GoStruct(struct, item))
  }

  #wrongType(name: string, value: GoValue, type: string): never {
    const field = `${this.#struct.replace(/^.*\./, '')}.${name}`
    throw new WireError(
      400,
      `json: cannot unmarshal ${kindOf(value)} into Go struct field ${field} of type ${type}`,
    )
  }
}

export function isList(value: GoValue | undefined): value is readonly GoValue[] {
  return Array.isArray(value)
}

function kindOf(value: GoValue): string {
  if (isList(value)) return 'array'
  if (value instanceof GoObject) return 'object'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`
  return typeof value
}

import { usualMaxClass } from '../../callers/call-class.ts'
import type { Budget, Key } from '../../callers/caller.ts'
import { valueWithoutSecrets, withoutSecrets } from '../../config/secrets.ts'
import { plainText } from '../top/line.ts'
import { safeJson, safeText } from '../top/safe-text.ts'
import { table } from '../top/table.ts'

/**
 * A key, and the file or variable in which the key stands. No hash is ever shown, and no secret that stands among the
 * models or behind a public key.
 */
export interface ListedKey {
  readonly key: Key
  readonly where: string
}

/** For a person: a row for each key. */
export function keyTable(keys: readonly ListedKey[]): string {
  const column = (title: string, cell: (listed: ListedKey) => string) => ({ title, rank: 0, cell })
  const lines = table<ListedKey>(
    [
      column('NAME', ({ key }) => key.name),
      column('KNOWN BY', ({ key }) => knownBy(key).join(', ')),
      column('MODELS', ({ key }) => withoutSecrets(key.models?.join(', ') ?? 'all')),
      column('MAY', ({ key }) => [...key.may].join(', ')),
      column('LIMITS', ({ key }) => limitsOf(key)),
      column('BUDGETS', ({ key }) => budgetsOf(key)),
      column('IN', ({ where }) => where),
    ],
    keys,
    Number.POSITIVE_INFINITY,
  )
  return lines.map((line) => `${plainText(line).trimEnd()}\n`).join('')
}

/** For a program. A limit that is not set is null. */
export function keysJson(keys: readonly ListedKey[]): string {
  const rows = keys.map(({ key, where }) => ({
    name: key.name,
    secret: key.hash !== undefined,
    ed25519: key.ed25519 ?? null,
    address: key.address,
    models: key.models ?? null,
    may: [...key.may],
    class: key.class,
    max_class: key.maxClass,
    weight: key.limits.weight ?? 1,
    parallel: finite(key.limits.parallel),
    queue: finite(key.limits.queue),
    slot_seconds: budget(key.slotSeconds),
    tokens: budget(key.tokens),
    users: key.users ?? null,
    notify: key.notify,
    in: where,
  }))
  return `${safeJson(valueWithoutSecrets({ keys: rows }))}\n`
}

function knownBy({ hash, ed25519, address }: Key): string[] {
  // The comment of a public key tells whose machine has the private one.
  const comment = ed25519?.split(' ').slice(2).join(' ')
  const signer = comment
    ? [`ed25519 (${safeText(withoutSecrets(comment))})`]
    : ed25519 === undefined
      ? []
      : ['ed25519']
  return [...(hash === undefined ? [] : ['secret']), ...signer, ...address]
}

function limitsOf({ limits, class: callClass, maxClass, users }: Key): string {
  const said = [
    ...(limits.parallel === Number.POSITIVE_INFINITY ? [] : [`parallel ${limits.parallel}`]),
    ...(limits.queue === Number.POSITIVE_INFINITY ? [] : [`queue ${limits.queue}`]),
    ...(callClass === 'normal' ? [] : [callClass]),
    ...(maxClass === usualMaxClass(callClass) ? [] : [`at most ${maxClass}`]),
    ...(limits.weight === undefined ? [] : [`weight ${limits.weight}`]),
    ...(users === undefined ? [] : [`users ${users}`]),
  ]
  return said.join(', ') || '-'
}

function budgetsOf({ slotSeconds, tokens }: Key): string {
  const said = (unit: string, { day, month }: Budget) => [
    ...(day === undefined ? [] : [`${day} ${unit} a day`]),
    ...(month === undefined ? [] : [`${month} ${unit} a month`]),
  ]
  return [...said('slot-seconds', slotSeconds), ...said('tokens', tokens)].join(', ') || '-'
}

function finite(limit: number): number | null {
  return Number.isFinite(limit) ? limit : null
}

function budget({
  day = null,
  month = null,
}: {
  day?: number | undefined | null
  month?: number | undefined | null
}) {
  return { day, month }
}

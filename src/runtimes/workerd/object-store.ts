import type { Limits } from '../../admission/contract.ts'
import type { CallerFacts } from '../../admission/remote/caller-facts.ts'
import type { KeyDay, UseStore } from '../../admission/remote/kept-budgets.ts'
import type { Lease, LeaseStore } from '../../admission/remote/lease-store.ts'
import { CALL_CLASSES, EVERYBODY } from '../../callers/caller.ts'
import type { ObjectState, SqlRow } from './platform.ts'

const TABLES = `
  CREATE TABLE IF NOT EXISTS lease (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, granted_at REAL NOT NULL, expires_at REAL NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS limits (model TEXT PRIMARY KEY, parallel INTEGER, queue INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS key_use (
    key TEXT NOT NULL, day TEXT NOT NULL, slot_ms REAL NOT NULL, tokens REAL NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (key, day)
  ) WITHOUT ROWID;
`

/** Columns that came later, in this order. A table keeps the columns of the version that made it until they are added. */
const LATER_COLUMNS = {
  slots: 'INTEGER NOT NULL DEFAULT 1',
  work: "TEXT NOT NULL DEFAULT 'run'",
  options: "TEXT NOT NULL DEFAULT ''",
  /** NULL: the call says nothing of it. */
  keeps_loaded: 'INTEGER',
  /** CallerFacts as JSON; NULL in a row of a version that told no callers apart. */
  caller: 'TEXT',
  class: "TEXT NOT NULL DEFAULT 'normal'",
  user: 'TEXT',
} as const

/** Keeps leases, limits and what keys have used in the object's database. The object sends nothing before its writes are durable. */
export class ObjectStore implements LeaseStore, UseStore {
  readonly #storage: ObjectState['storage']

  constructor({ storage }: ObjectState) {
    this.#storage = storage
    storage.sql.exec(TABLES)
    this.#addLaterColumns()
  }

  *leases(): Iterable<Lease> {
    for (const row of this.#storage.sql.exec('SELECT * FROM lease')) {
      yield {
        id: String(row.id),
        model: String(row.model),
        slots: Number(row.slots),
        work: row.work === 'load' || row.work === 'unload' ? row.work : 'run',
        options: String(row.options),
        keepsLoaded: row.keeps_loaded === null ? undefined : row.keeps_loaded === 1,
        caller:
          typeof row.caller === 'string' ? (JSON.parse(row.caller) as CallerFacts) : { id: EVERYBODY.id },
        class: CALL_CLASSES.find((name) => name === row.class) ?? 'normal',
        user: typeof row.user === 'string' ? row.user : undefined,
        grantedAt: Number(row.granted_at),
        expiresAt: Number(row.expires_at),
      }
    }
  }

  saveLease(lease: Lease): void {
    const { id, model, slots, work, options, keepsLoaded, caller, user, grantedAt, expiresAt } = lease
    this.#storage.sql.exec(
      `INSERT OR REPLACE INTO lease (id, model, granted_at, expires_at, slots, work, options, caller, class, user, keeps_loaded)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[
        id,
        model,
        grantedAt,
        expiresAt,
        slots,
        work,
        options,
        JSON.stringify(caller),
        lease.class,
        user ?? null,
      ],
      keepsLoaded === undefined ? null : Number(keepsLoaded),
    )
  }

  dropLease(id: string): void {
    this.#storage.sql.exec('DELETE FROM lease WHERE id = ?', id)
  }

  *limits(): Iterable<readonly [string, Partial<Limits>]> {
    for (const row of this.#storage.sql.exec('SELECT model, parallel, queue FROM limits')) {
      yield [String(row.model), limitsOf(row)]
    }
  }

  saveLimits(model: string, { parallel = null, queue = null }: LimitColumns): void {
    this.#storage.sql.exec('INSERT OR REPLACE INTO limits VALUES (?, ?, ?)', model, parallel, queue)
  }

  *uses(): Iterable<KeyDay> {
    for (const row of this.#storage.sql.exec('SELECT * FROM key_use ORDER BY day')) {
      yield {
        key: String(row.key),
        day: String(row.day),
        slotMs: Number(row.slot_ms),
        tokens: Number(row.tokens),
        at: Number(row.at),
      }
    }
  }

  addUse({ key, day, slotMs, tokens, at }: KeyDay): void {
    this.#storage.sql.exec(
      `INSERT INTO key_use (key, day, slot_ms, tokens, at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (key, day) DO UPDATE SET
         slot_ms = slot_ms + excluded.slot_ms, tokens = tokens + excluded.tokens, at = max(at, excluded.at)`,
      ...[key, day, slotMs, tokens, at],
    )
  }

  dropUses(before: number): void {
    this.#storage.sql.exec('DELETE FROM key_use WHERE at < ?', before)
  }

  wakeAt(time: number): void {
    void this.#storage.setAlarm(time)
  }

  #addLaterColumns(): void {
    const { sql } = this.#storage
    const columns = Array.from(sql.exec("SELECT name FROM pragma_table_info('lease')"), ({ name }) => name)
    for (const [name, type] of Object.entries(LATER_COLUMNS))
      if (!columns.includes(name)) sql.exec(`ALTER TABLE lease ADD COLUMN ${name} ${type}`)
  }
}

type LimitColumns = { readonly [Key in keyof Limits]?: number | null }

function limitsOf({ parallel, queue }: SqlRow): Partial<Limits> {
  return {
    ...(typeof parallel === 'number' && { parallel }),
    ...(typeof queue === 'number' && { queue }),
  }
}

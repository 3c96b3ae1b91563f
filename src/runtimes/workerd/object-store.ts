import type { Limits } from '../../admission/contract.ts'
import type { Lease, LeaseStore } from '../../admission/remote/leases.ts'
import type { ObjectState, SqlRow } from './platform.ts'

const TABLES = `
  CREATE TABLE IF NOT EXISTS lease (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, granted_at REAL NOT NULL, expires_at REAL NOT NULL,
    slots INTEGER NOT NULL DEFAULT 1
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS limits (model TEXT PRIMARY KEY, parallel INTEGER, queue INTEGER) WITHOUT ROWID;
`

/** Keeps leases and limits in the object's database. The object sends nothing before its writes are durable. */
export class ObjectStore implements LeaseStore {
  readonly #storage: ObjectState['storage']

  constructor({ storage }: ObjectState) {
    this.#storage = storage
    storage.sql.exec(TABLES)
    this.#addSlots()
  }

  *leases(): Iterable<Lease> {
    for (const row of this.#storage.sql.exec('SELECT id, model, slots, granted_at, expires_at FROM lease')) {
      yield {
        id: String(row.id),
        model: String(row.model),
        slots: Number(row.slots),
        grantedAt: Number(row.granted_at),
        expiresAt: Number(row.expires_at),
      }
    }
  }

  saveLease({ id, model, slots, grantedAt, expiresAt }: Lease): void {
    this.#storage.sql.exec(
      'INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)',
      id,
      model,
      grantedAt,
      expiresAt,
      slots,
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

  wakeAt(time: number): void {
    void this.#storage.setAlarm(time)
  }

  /** An object of version 0.1.0 has a table without the column. */
  #addSlots(): void {
    const { sql } = this.#storage
    const columns = Array.from(sql.exec("SELECT name FROM pragma_table_info('lease')"), ({ name }) => name)
    if (!columns.includes('slots')) sql.exec('ALTER TABLE lease ADD COLUMN slots INTEGER NOT NULL DEFAULT 1')
  }
}

type LimitColumns = { readonly [Key in keyof Limits]?: number | null }

function limitsOf({ parallel, queue }: SqlRow): Partial<Limits> {
  return {
    ...(typeof parallel === 'number' && { parallel }),
    ...(typeof queue === 'number' && { queue }),
  }
}

import type { Key } from '../../../src/callers/caller.ts'
import type { UsageRecord } from '../../../src/callers/usage-lines.ts'
import { aKey as namedKey } from './builders.ts'

export function aKey(over: Partial<Key> = {}): Key {
  return namedKey(over.name ?? 'alice', over)
}

export function aRecord(over: Partial<UsageRecord> = {}): UsageRecord {
  return {
    at: Date.UTC(2026, 10, 28, 12),
    caller: 'alice',
    key: true,
    user: null,
    model: 'llama3.2',
    slotMs: 1_234.5,
    tokensIn: 10,
    tokensOut: 20,
    id: 'r1',
    ...over,
  }
}

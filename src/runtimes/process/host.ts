import { hostname, networkInterfaces } from 'node:os'
import type { OwnNames } from '../../http/allowed-host.ts'

/** This machine's own name and addresses. */
export function ownNames(): OwnNames {
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return { hostname: hostname(), addresses: interfaces.map(({ address }) => address) }
}

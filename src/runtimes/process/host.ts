import { hostname, networkInterfaces } from 'node:os'
import type { OwnNames } from '../../http/allowed-host.ts'

/** This machine's own name and addresses. */
export function ownNames(): OwnNames {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((one) => one.address),
  )
  return { hostname: hostname(), addresses }
}

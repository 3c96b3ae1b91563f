import type { Context, Handler } from 'hono'

/** A gated call: its whole life is told in the relay. */
export const inference =
  ({ relay }: { readonly relay: (c: Context) => Promise<Response> }): Handler =>
  (c) =>
    relay(c)

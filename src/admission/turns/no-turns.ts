import type { TurnsView } from './contract.ts'

/** Nobody orders turns: each runner gets its calls at once, and nobody knows what is loaded. */
export const NO_TURNS: TurnsView = {
  mode: 'off',
  runners: () => [],
  next: () => undefined,
  creditMs: () => 0,
  together: () => [],
  apart: () => [],
}

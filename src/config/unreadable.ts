const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory',
  EACCES: 'cannot be read: permission denied',
}

/** Why a file cannot be read: `name` and a few words. */
export function unreadable(name: string, error: unknown): string {
  const other = error instanceof Error ? error.message : String(error)
  return `${name} ${REASONS[codeOf(error) ?? ''] ?? `cannot be read: ${other}`}`
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Number of edits (insert, drop, replace, swap neighbours) that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The known word that the user most likely meant; undefined when no word is near. Case does not matter, and `-` equals `_`. */
export function nearMiss(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll('-', '_')
  const reach = Math.max(1, Math.floor(word.length / 4))
  let best: string | undefined
  let least = reach + 1
  // No known word is nearly as long as 64, and the table of a long word costs time.
  if (word.length > 64) return undefined
  for (const candidate of known) {
    const edits = distance(plain(word), plain(candidate))
    if (edits < least) {
      best = candidate
      least = edits
    }
  }
  return best
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = nearMiss(word, known)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

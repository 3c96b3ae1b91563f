/**
 * Whether a client sent the secret. The time depends on the length of `given` alone: it tells nothing of the secret's
 * length, nor of where the two differ.
 */
export function isSecret(given: string, secret: string): boolean {
  let difference = given.length ^ secret.length
  for (let at = 0; at < given.length; at++)
    difference |= given.charCodeAt(at) ^ secret.charCodeAt(at % secret.length)
  return difference === 0
}

import { masked } from '../masked.ts'

/** All that a stream brings. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const parts: T[] = []
  for await (const part of stream) parts.push(part)
  return parts
}

/** What a client made of the answer, in a form that two runs share. */
export async function answerOf(asked: Promise<unknown>): Promise<string> {
  return masked(JSON.stringify(await asked))
}

/** The error that a call ends with. */
export async function failureOf(asked: Promise<unknown>): Promise<Error> {
  try {
    await asked
  } catch (error) {
    if (error instanceof Error) return error
    throw new TypeError('what was thrown is no Error', { cause: error })
  }
  throw new Error('the call did not fail')
}

/** An error's class, its own fields and its message, in a form that two runs share. */
export function shapeOf(error: Error): string {
  const { name } = error.constructor
  const { status, status_code, type, code } = error as Error & Record<string, unknown>
  return masked(JSON.stringify({ name, status, status_code, type, code, message: error.message }))
}

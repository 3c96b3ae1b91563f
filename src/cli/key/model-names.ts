import type { Config } from '../../config/schema.ts'
import { readReply } from '../../upstream/asking.ts'
import { readTags, TAGS } from '../../upstream/library.ts'
import type { ModelNames } from './warnings.ts'

/** A person waits for the command. */
const PATIENCE_MS = 2_000

/** The models that Ollama has now. Never rejects. */
export async function modelNames({
  ollama_url,
  ollama_authorization,
}: Pick<Config, 'ollama_url' | 'ollama_authorization'>): Promise<ModelNames> {
  const url = ollama_url + TAGS.path
  try {
    const answer = await fetch(url, {
      headers: ollama_authorization === undefined ? {} : { authorization: ollama_authorization },
      // The Authorization would go to the address of a redirect.
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    if (answer.status !== 200 || answer.body === null) {
      await answer.body?.cancel()
      return { why: `${url} answers with status ${answer.status}` }
    }
    const { body, whole } = await readReply(TAGS, { status: 200, location: undefined, body: answer.body })
    const models = whole ? readTags(body) : undefined
    if (models === undefined) return { why: `${url} answers with something else than a list of models` }
    return { keys: models.map(({ key }) => key) }
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError'
    return {
      why: `Ollama at ${ollama_url} ${late ? `did not answer within ${PATIENCE_MS / 1_000} s` : 'does not answer'}`,
    }
  }
}

import { Hono } from 'hono'
import { answerText } from '../answer.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'

export function configRoutes(
  { describeConfig }: { readonly describeConfig: () => unknown },
  shared: SharedPages,
): Hono {
  const page = shared.share(() => new JsonText(describeConfig()))
  return new Hono().get('/config', () => answerText(page()))
}

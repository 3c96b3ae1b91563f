import { Hono } from 'hono'
import { answer } from '../answer.ts'

export const configRoutes = ({ describeConfig }: { readonly describeConfig: () => unknown }): Hono =>
  new Hono().get('/config', () => answer(describeConfig()))

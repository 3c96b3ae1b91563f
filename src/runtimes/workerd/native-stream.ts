import type { ExecutionContext } from './platform.ts'

/**
 * Puts a stream of the platform's own between an answer and its client. A JavaScript stream is not told when its
 * client is found gone at a write, and its length is forgotten; this one cancels it then, and keeps the length.
 */
export function nativeStream(answer: Response, context: ExecutionContext): Response {
  const { body, headers } = answer
  if (body === null) return answer
  const length = headers.get('content-length')
  const channel = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length))
  // How it ends is the forwarding's business, which sees the same end.
  context.waitUntil(body.pipeTo(channel.writable).catch(() => {}))
  return new Response(channel.readable, answer)
}

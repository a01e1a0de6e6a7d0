/**
 * Bridges the server's own requests and replies to the standard Request and Response that
 * the control plane speaks. Not for the request path: there every copy counts.
 */
import type { Header } from '../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply } from '../core/ports/client.ts'

const MOST_BODY_BYTES = 1 << 20

export async function serveWeb(
  request: ClientRequest,
  reply: Reply,
  app: (request: Request, peer: string) => Promise<Response>,
): Promise<void> {
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
  const body = hasBody ? await request.body(MOST_BODY_BYTES) : undefined
  const url = `http://gateway${request.path}${request.query}`
  const response = await app(
    new Request(url, {
      method: request.method,
      headers: request.headers.map(([name, value]): [string, string] => [name, value]),
      ...(body === undefined || body.length === 0 ? {} : { body: Buffer.from(body) }),
    }),
    request.peer,
  )
  await send(response, request, reply)
}

async function send(response: Response, request: ClientRequest, reply: Reply): Promise<void> {
  const headers = [...response.headers].filter(([name]) => name !== 'content-length') satisfies Header[]
  const isStream = headers.some(
    ([name, value]) => name === 'content-type' && value.startsWith('text/event-stream'),
  )
  if (!isStream || response.body === null) {
    const bytes = new Uint8Array(await response.arrayBuffer())
    reply.start(response.status, headers, bytes.length)
    return reply.end(bytes)
  }
  reply.start(response.status, headers, undefined)
  const reader = response.body.getReader()
  const leave = (): void => void reader.cancel()
  request.signal.addEventListener('abort', leave, { once: true })
  for (;;) {
    const { done, value } = await reader.read()
    if (request.signal.aborted) throw new ClientGone()
    if (done) return reply.end()
    await reply.write(value)
  }
}

/**
 * One POST of JSON to wherever a channel leads: over the way that all of our requests go, so
 * that forbidden addresses are refused and redirects are not followed. The answer's body is not
 * read. Must not name the address in what it says.
 */
import { readRetryAfter } from '../../core/alerts/channel.ts'
import { type Headers, headerOf } from '../../core/headers.ts'
import type { Carried } from '../../core/ports/alerts.ts'
import type { Endpoint, Upstream } from '../../core/ports/upstream.ts'

export interface Post {
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

const LIMITS = { connectMs: 10_000, headersMs: 15_000, idleMs: 15_000 }

export async function post(
  { url: text, headers, body }: Post,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<Carried> {
  const url = URL.parse(text)
  if (url === null) return { kind: 'failed', problem: 'The address of the channel is not a URL.' }
  const sent = await upstream.send(
    {
      endpoint: endpointOf(url),
      method: 'POST',
      target: `${url.pathname}${url.search}`,
      headers: [['content-type', 'application/json'], ['user-agent', 'spillway'], ...headers],
      body: Buffer.from(body),
      fresh: true,
    },
    LIMITS,
    signal,
  )
  switch (sent.kind) {
    case 'aborted':
      return { kind: 'failed', problem: 'There was no answer in time.' }
    case 'fault':
      return { kind: 'failed', problem: `It could not be reached: ${sent.fault.detail}` }
    case 'answer': {
      sent.answer.body.cancel()
      return judge(sent.answer.status, headerOf(sent.answer.headers, 'retry-after'))
    }
  }
}

function endpointOf(url: URL): Endpoint {
  const isSecure = url.protocol === 'https:'
  const usualPort = isSecure ? 443 : 80
  return { isSecure, host: url.hostname, port: url.port === '' ? usualPort : Number(url.port), path: '' }
}

function judge(status: number, retryAfter: string | undefined): Carried {
  if (status >= 200 && status < 300) return { kind: 'delivered', status }
  if (status === 410)
    return { kind: 'failed', status, problem: 'It answered 410: it wants no more of them.', isFinal: true }
  const isRedirect = status >= 300 && status < 400
  const retryAfterMs = readRetryAfter(retryAfter)
  return {
    kind: 'failed',
    status,
    problem: isRedirect
      ? `It answered ${status}; redirects are not followed, so give the channel the final address.`
      : `It answered ${status}.`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

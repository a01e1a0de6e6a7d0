/**
 * A provider without sockets: the simulated one's people and tokens behind the `Upstream`
 * port, on a clock of the test's. What a request meets is decided by the test; who asked for
 * tokens, and how many at once, is remembered.
 */
import type { BodyEnd, Sent, Upstream, UpstreamRequest } from '../../src/core/ports/upstream.ts'
import { TOKEN_PATH } from '../../src/providers/anthropic/oauth.ts'
import { healthyReply } from '../../src/simulator/healthy.ts'
import { createLogins, type LoginDesk } from '../../src/simulator/logins.ts'
import type { Reply } from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import type { TickingClock } from './ticking-clock.ts'

export type Direction =
  /** What the simulated provider says to it. */
  | 'serve'
  /** No connection comes about. */
  | 'refuse'
  /** It breaks before the provider has seen the request. */
  | 'break'
  /** The provider does what it is asked for, and its answer is lost. */
  | 'lose'
  /** No answer, ever. */
  | 'hang'
  | { readonly reply: Reply; readonly after?: Promise<void> }
  /** The provider does it at once and answers when the promise is settled. */
  | { readonly until: Promise<void> }

export interface StagedRequest extends Received {
  readonly kind: 'token' | 'message' | 'account'
}

export interface StagedUpstream extends Upstream {
  readonly logins: LoginDesk
  readonly requests: readonly StagedRequest[]
  /** The most requests with the same refresh token at once. */
  readonly mostAtOnce: number
  /** Asked for each request; unless given, all are served. */
  direct: (request: StagedRequest) => Direction
}

/** Its own calendar is nobody's to set. */
export function stagedUpstream(clock: TickingClock): StagedUpstream {
  const startedAt = clock.now() - clock.elapsed()
  const logins = createLogins(() => startedAt + clock.elapsed())
  const requests: StagedRequest[] = []
  const running = new Map<string, number>()
  let mostAtOnce = 0
  const count = (of: string, by: number): void => {
    const next = (running.get(of) ?? 0) + by
    running.set(of, next)
    mostAtOnce = Math.max(mostAtOnce, next)
  }
  const staged: StagedUpstream = {
    logins,
    requests,
    get mostAtOnce() {
      return mostAtOnce
    },
    direct: () => 'serve',
    async send(request, { headersMs }, signal) {
      const received = toStaged(requests.length + 1, request)
      requests.push(received)
      logins.note(received)
      const asks = received.kind === 'token' ? String(received.body) : ''
      if (asks !== '') count(asks, 1)
      try {
        const answer = play(received, staged.direct(received), logins)
        return await inTime(answer, { clock, headersMs, signal })
      } finally {
        if (asks !== '') count(asks, -1)
      }
    },
  }
  return staged
}

function toStaged(number: number, { method, target, headers, body }: UpstreamRequest): StagedRequest {
  const [path = ''] = target.split('?')
  const bearer = headers.find(([name]) => name === 'authorization')?.[1] ?? ''
  const key = headers.find(([name]) => name === 'x-api-key')?.[1] ?? bearer.replace('Bearer ', '')
  return {
    number,
    method,
    target,
    headers,
    body: Buffer.from(body),
    key,
    connection: number,
    abandoned: new Promise(() => {}),
    isAbandoned: () => false,
    kind: kindOf(path),
  }
}

function kindOf(path: string): StagedRequest['kind'] {
  if (path === TOKEN_PATH) return 'token'
  return path.startsWith('/v1/') ? 'message' : 'account'
}

async function play(request: StagedRequest, direction: Direction, logins: LoginDesk): Promise<Sent> {
  const served = (): Sent => toSent(logins.answer(request) ?? healthyReply(request))
  switch (direction) {
    case 'serve':
      return served()
    case 'refuse':
      return fault('connect-refused')
    case 'break':
      return fault('reset')
    case 'lose':
      served()
      return fault('reset')
    case 'hang':
      return new Promise(() => {})
    default: {
      if ('reply' in direction) {
        await direction.after
        return toSent(direction.reply)
      }
      const sent = served()
      await direction.until
      return sent
    }
  }
}

const fault = (cause: 'connect-refused' | 'reset'): Sent => ({
  kind: 'fault',
  fault: { cause, detail: `provider.test: ${cause}`, wasStaleConnection: false },
})

interface Limits {
  readonly clock: TickingClock
  readonly headersMs: number
  readonly signal: AbortSignal
}

async function inTime(answer: Promise<Sent>, { clock, headersMs, signal }: Limits): Promise<Sent> {
  const { promise, resolve } = Promise.withResolvers<Sent>()
  const late = {
    cause: 'headers-timeout',
    detail: 'provider.test: no answer',
    wasStaleConnection: false,
  } as const
  const cancel =
    headersMs > 0 ? clock.after(headersMs, () => resolve({ kind: 'fault', fault: late })) : () => {}
  const leave = (): void => resolve({ kind: 'aborted' })
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  const sent = await Promise.race([answer, promise])
  cancel()
  signal.removeEventListener('abort', leave)
  return sent
}

/** The simulated provider's bytes, read. */
function toSent(reply: Reply): Sent {
  const bytes = Buffer.concat(
    reply.map((action) => (action.kind === 'send' ? Buffer.from(action.bytes) : EMPTY)),
  )
  const split = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.toString('latin1', 0, split).split('\r\n')
  const headers = lines.map((line) => {
    const at = line.indexOf(':')
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const
  })
  const body = new Uint8Array(bytes.subarray(split + 4))
  const status = Number(first.split(' ')[1])
  return { kind: 'answer', answer: { status, headers, contentLength: body.length, body: sourceOf(body) } }
}

const EMPTY = Buffer.alloc(0)

function sourceOf(body: Uint8Array) {
  let isRead = body.length === 0
  return {
    get isComplete() {
      return isRead
    },
    async read(): Promise<Uint8Array | BodyEnd> {
      if (isRead) return { end: 'clean' }
      isRead = true
      return body
    },
    cancel() {
      isRead = true
    },
  }
}

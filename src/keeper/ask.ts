/**
 * One request of the gateway's own to a provider, with its whole answer as text, within one
 * time limit. Own traffic is marked as such (G14) and follows no redirect. Must not judge.
 */
import type { Account } from '../core/account.ts'
import type { Cause } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import { type AccountNetwork, readNetwork } from '../core/network.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import { type Endpoint, isEnd, type Upstream, type UpstreamAnswer } from '../core/ports/upstream.ts'

export interface Question {
  readonly endpoint: Endpoint
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Headers
  readonly body?: string
  readonly proxy: string | undefined
  /** The status is answer enough. */
  readonly wantsNoBody?: true
}

export type Asked =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Headers; readonly body: string }
  | { readonly kind: 'fault'; readonly cause: Cause; readonly detail: string }

export interface Asking {
  readonly upstream: Upstream
  readonly clock: Clock
}

const LIMITS = { connectMs: 10_000, headersMs: 15_000, idleMs: 15_000 }
const TOTAL_MS = 20_000
const MOST_BYTES = 256 << 10
const USER_AGENT = ['user-agent', 'spillway'] as const

export async function ask({ upstream, clock }: Asking, question: Question): Promise<Asked> {
  const { endpoint, method, path, headers, body = '', proxy } = question
  const limit = new AbortController()
  const stop = clock.after(TOTAL_MS, () => limit.abort())
  try {
    const sent = await upstream.send(
      {
        endpoint,
        method,
        target: path,
        headers: [['accept', 'application/json'], USER_AGENT, ...headers],
        body: Buffer.from(body),
        proxy,
        fresh: false,
      },
      LIMITS,
      limit.signal,
    )
    if (sent.kind === 'fault') return { kind: 'fault', cause: sent.fault.cause, detail: sent.fault.detail }
    if (sent.kind === 'aborted') return tooLate(endpoint)
    if (question.wantsNoBody === true) sent.answer.body.cancel()
    const text = question.wantsNoBody === true ? '' : await readText(sent.answer)
    if (text === undefined && limit.signal.aborted) return tooLate(endpoint)
    const { status } = sent.answer
    return text === undefined
      ? {
          kind: 'fault',
          cause: 'bad-response',
          detail: `${endpoint.host}: its answer broke off or was too long`,
        }
      : { kind: 'answer', status, headers: sent.answer.headers, body: text }
  } finally {
    stop()
  }
}

const tooLate = ({ host }: Endpoint): Asked => ({
  kind: 'fault',
  cause: 'headers-timeout',
  detail: `${host}: no whole answer within ${TOTAL_MS / 1_000} s`,
})

async function readText({ body }: UpstreamAnswer): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let size = 0
  for (;;) {
    const part = await body.read()
    if (isEnd(part)) return part.end === 'clean' ? Buffer.concat(pieces).toString() : undefined
    pieces.push(part)
    size += part.length
    if (size <= MOST_BYTES) continue
    body.cancel()
    return undefined
  }
}

/** How the account's requests leave, so that all its traffic goes the same way. */
export const networkOf = (
  { id, network }: Pick<Account, 'id' | 'network'>,
  secrets: SecretBox,
): AccountNetwork => (network === undefined ? {} : readNetwork(secrets.open('account-network', id, network)))

export const proxyOf = (account: Pick<Account, 'id' | 'network'>, secrets: SecretBox): string | undefined =>
  networkOf(account, secrets).proxy

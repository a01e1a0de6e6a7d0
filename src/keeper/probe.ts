/**
 * Asks a provider whether it takes an account's credential, with a request that costs
 * nothing. The gateway's own traffic: never in the ledger, never held against the account,
 * never a client's (G14).
 */
import type { Account } from '../core/account.ts'
import { messageOf } from '../core/error.ts'
import { headerOf } from '../core/headers.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { Upstream } from '../core/ports/upstream.ts'
import { readDate } from '../core/time.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import { providerOf } from '../providers/registry.ts'

export interface ProbeResult {
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  readonly message: string
  /** The provider's clock minus ours, as far as a whole second tells. */
  readonly clockSkewMs?: number
}

export interface ProbeContext {
  readonly upstream: Upstream
  readonly secrets: SecretBox
  readonly clock: Clock
}

const LIMITS = { connectMs: 10_000, headersMs: 15_000, idleMs: 15_000 }
const NOTHING = new Uint8Array(0)

export async function probe(account: Account, context: ProbeContext): Promise<ProbeResult> {
  const { clock, upstream } = context
  const started = clock.elapsed()
  const took = () => Math.round(clock.elapsed() - started)
  const provider = providerOf(account.provider)
  const endpoint = parseEndpoint(account.baseUrl ?? provider?.baseUrl ?? '')
  if (provider === undefined || endpoint === undefined) {
    return { ok: false, ms: took(), message: 'Its provider or base URL is unknown.' }
  }
  try {
    const secret = context.secrets.open('account-credential', account.id, account.secret)
    const sent = await upstream.send(
      {
        endpoint,
        method: 'GET',
        target: '/v1/models?limit=1',
        headers: [
          ['anthropic-version', '2023-06-01'],
          ['user-agent', 'spillway-probe'],
          ...provider.sign(secret),
        ],
        body: NOTHING,
        fresh: false,
      },
      LIMITS,
      new AbortController().signal,
    )
    if (sent.kind === 'aborted') return { ok: false, ms: took(), message: 'The test was cancelled.' }
    if (sent.kind === 'fault')
      return { ok: false, ms: took(), message: sentence(`It cannot be reached: ${sent.fault.detail}`) }
    sent.answer.body.cancel()
    const { status, headers } = sent.answer
    const theirs = readDate(headerOf(headers, 'date') ?? '')
    const skew = theirs === undefined ? {} : { clockSkewMs: theirs - clock.now() }
    return { ...read(status), ...skew, status, ms: took() }
  } catch (error) {
    return { ok: false, ms: took(), message: sentence(messageOf(error)) }
  }
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`)

function read(status: number): { readonly ok: boolean; readonly message: string } {
  if (status < 300) return { ok: true, message: 'The provider takes its credential.' }
  if (status === 401 || status === 403) {
    return {
      ok: false,
      message: `The provider refuses its credential (${status}). Set a new one with "spillway accounts set".`,
    }
  }
  if (status === 404 || status === 405) {
    return {
      ok: true,
      message: `The provider is reachable; it has no list of models to test the credential with (${status}).`,
    }
  }
  if (status === 429)
    return { ok: true, message: 'The provider takes its credential, and limits it at the moment (429).' }
  return { ok: false, message: `The provider answered ${status}.` }
}

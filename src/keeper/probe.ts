/**
 * Asks a provider whether it takes an account's credential, with a request that costs
 * nothing. The gateway's own traffic: never in the ledger, never held against the account,
 * never a client's (G14).
 */
import type { Account } from '../core/account.ts'
import { messageOf } from '../core/error.ts'
import { type Headers, headerOf } from '../core/headers.ts'
import { addedHeaders } from '../core/network.ts'
import { readDate } from '../core/time.ts'
import { PROFILE_PATH } from '../providers/anthropic/oauth.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import type { Provider } from '../providers/provider.ts'
import { providerOf } from '../providers/registry.ts'
import { ask, networkOf, type Question } from './ask.ts'
import type { KeeperContext } from './context.ts'

export interface ProbeResult {
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  readonly message: string
  /** The provider's clock minus ours, as far as a whole second tells. */
  readonly clockSkewMs?: number
}

/** `account`: with a credential that can be sent. */
export async function probe(
  account: Account,
  context: Pick<KeeperContext, 'upstream' | 'secrets' | 'clock'>,
): Promise<ProbeResult> {
  const { clock } = context
  const started = clock.elapsed()
  const took = () => Math.round(clock.elapsed() - started)
  const provider = providerOf(account.provider)
  const endpoint = parseEndpoint(account.baseUrl ?? provider?.baseUrl ?? '')
  if (provider === undefined || endpoint === undefined) {
    return { ok: false, ms: took(), message: 'Its provider or base URL is unknown.' }
  }
  try {
    const asked = await ask(context, { ...questionFor(account, provider, context), endpoint })
    if (asked.kind === 'fault')
      return { ok: false, ms: took(), message: sentence(`It cannot be reached: ${asked.detail}`) }
    const { status, headers } = asked
    const theirs = readDate(headerOf(headers, 'date') ?? '')
    const skew = theirs === undefined ? {} : { clockSkewMs: theirs - clock.now() }
    return { ...read(status, account), ...skew, status, ms: took() }
  } catch (error) {
    return { ok: false, ms: took(), message: sentence(messageOf(error)) }
  }
}

/** What any credential of this kind may ask. */
function questionFor(
  account: Account,
  provider: Provider,
  { secrets }: Pick<KeeperContext, 'secrets'>,
): Omit<Question, 'endpoint'> {
  const signature = provider.sign(secrets.open('account-credential', account.id, account.secret))
  const betas: Headers = provider.betas === undefined ? [] : [['anthropic-beta', provider.betas.join(',')]]
  return {
    method: 'GET',
    path: provider.credential === 'sign-in' ? PROFILE_PATH : '/v1/models?limit=1',
    headers: [
      ['anthropic-version', '2023-06-01'],
      ...betas,
      ...addedHeaders(networkOf(account, secrets)),
      ...signature,
    ],
    proxy: networkOf(account, secrets).proxy,
    wantsNoBody: true,
  }
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`)

function read(
  status: number,
  { name, tokenExpiresAt }: Account,
): { readonly ok: boolean; readonly message: string } {
  if (status < 300) return { ok: true, message: 'The provider takes its credential.' }
  if (status === 401 || status === 403) {
    return {
      ok: false,
      message:
        tokenExpiresAt === undefined
          ? `The provider refuses its credential (${status}). Set a new one with "spillway accounts set ${name} --api-key-stdin".`
          : `The provider refuses its token (${status}). Renew it with "spillway accounts refresh ${name}"; if that does not help, sign in again with "spillway accounts login ${name}".`,
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

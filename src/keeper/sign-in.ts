/**
 * Signing in to an account with a browser: PKCE with S256, a state that is checked, a session
 * that ends after ten minutes and works once (`wire.md` §2.1–2.2). Hands out what was
 * granted; storing it is somebody else's, so a sign-in that fails leaves nothing behind.
 */
import { GatewayError } from '../core/error.ts'
import type { Standing } from '../core/standing.ts'
import { later, MINUTE, type Millis } from '../core/time.ts'
import {
  authorizeUrl,
  CREATE_KEY_PATH,
  exchangeBody,
  type LoginMode,
  readCreatedKey,
  readPasted,
  readTokenAnswer,
  TOKEN_PATH,
  type TokenAnswer,
  type TokenSet,
} from '../providers/anthropic/oauth.ts'
import { ask } from './ask.ts'
import type { KeeperContext } from './context.ts'
import { apiEndpointOf, askProfile, oauthHeaders, type ProfileAccess } from './profile.ts'

export interface SignIns<Purpose> {
  /** `purpose` comes back when the sign-in has succeeded. */
  begin(options: BeginOptions, purpose: Purpose): Begun
  /** Throws GatewayError with a sentence about whatever went wrong; nothing is left behind then. */
  finish(sessionId: string, pasted: string): Promise<{ readonly grant: Grant; readonly purpose: Purpose }>
}

export interface BeginOptions {
  readonly provider: string
  readonly mode: LoginMode
  /** In the place of the provider's own API. */
  readonly baseUrl: string | undefined
  readonly proxy: string | undefined
  /** Make an API key with the grant, and keep that in the place of the tokens. */
  readonly createsKey: boolean
}

export interface Begun {
  readonly sessionId: string
  readonly authUrl: string
  readonly expiresAt: Millis
}

export interface Grant {
  readonly tokens: TokenSet
  /** An API key that was made with the tokens. */
  readonly apiKey: string | undefined
  /** Why there is none although one was asked for. */
  readonly keyProblem: string | undefined
  readonly standing: Standing
  readonly tier: number | undefined
}

interface Session<Purpose> {
  readonly options: BeginOptions
  readonly purpose: Purpose
  readonly verifier: string
  readonly state: string
  /** In the clock's `elapsed` time: nobody sets that back. */
  readonly endsAt: number
  isBusy: boolean
}

const LIFE_MS = 10 * MINUTE
const MOST_SESSIONS = 100

export function createSignIns<Purpose>(context: KeeperContext): SignIns<Purpose> {
  const { clock, settings, newId, randomText, challengeOf } = context
  const sessions = new Map<string, Session<Purpose>>()
  const forgetOld = (): void => {
    for (const [id, { endsAt }] of sessions) if (endsAt <= clock.elapsed()) sessions.delete(id)
    const [oldest] = sessions.keys()
    if (sessions.size >= MOST_SESSIONS && oldest !== undefined) sessions.delete(oldest)
  }
  return {
    begin(options, purpose) {
      forgetOld()
      const sessionId = newId()
      const verifier = randomText()
      const state = randomText()
      const endsAt = clock.elapsed() + LIFE_MS
      sessions.set(sessionId, { options, purpose, verifier, state, endsAt, isBusy: false })
      const { authorizeUrl: url, clientId, redirectUri } = settings()
      const challenge = challengeOf(verifier)
      const authUrl = authorizeUrl({ mode: options.mode, url, clientId, redirectUri, challenge, state })
      return { sessionId, authUrl, expiresAt: later(clock.now(), LIFE_MS) }
    },
    async finish(sessionId, pasted) {
      const session = sessions.get(sessionId)
      if (session === undefined || session.endsAt <= clock.elapsed())
        throw new GatewayError('not-found', NO_SESSION)
      if (session.isBusy) throw new GatewayError('conflict', 'This sign-in is being finished already.')
      const forget = (): void => void sessions.delete(sessionId)
      const code = codeFor(session, pasted, forget)
      session.isBusy = true
      try {
        const tokens = await exchange(session, code, forget, context)
        forget()
        return { purpose: session.purpose, grant: await toGrant(session.options, tokens, context) }
      } finally {
        session.isBusy = false
      }
    },
  }
}

const NO_SESSION =
  'There is no such sign-in: it has ended after ten minutes, was finished already, or the gateway was restarted. Begin again.'

/** Sign-ins that cannot succeed any more are forgotten at once. */
function codeFor<Purpose>(session: Session<Purpose>, text: string, forget: () => void): string {
  const pasted = readPasted(text)
  switch (pasted.kind) {
    case 'denied':
      forget()
      throw new GatewayError(
        'forbidden',
        `The sign-in was not allowed (${shown(pasted.reason)}). Nothing was added; begin again if that was a mistake.`,
      )
    case 'incomplete':
      throw new GatewayError(
        'bad-request',
        'The code is not whole: paste everything that the page shows, with the part behind the #.',
      )
    case 'code':
      if (pasted.state === session.state) return pasted.code
      forget()
      throw new GatewayError(
        'bad-request',
        'The code belongs to another sign-in: its state does not match. Begin again, and paste the code of that page.',
      )
  }
}

const shown = (text: string): string => text.replace(/[^\x20-\x7e]/g, ' ').slice(0, 200)

async function exchange<Purpose>(
  { options, verifier, state }: Session<Purpose>,
  code: string,
  forget: () => void,
  context: KeeperContext,
): Promise<TokenSet> {
  const { clock, settings } = context
  const { clientId, redirectUri, tokenEndpoint } = settings()
  const asked = await ask(context, {
    endpoint: tokenEndpoint,
    method: 'POST',
    path: TOKEN_PATH,
    headers: [['content-type', 'application/json']],
    body: exchangeBody({ code, state, clientId, redirectUri, verifier }),
    proxy: options.proxy,
  })
  if (asked.kind === 'fault')
    throw new GatewayError(
      'unavailable',
      `The token endpoint could not be asked (${asked.detail}). Nothing was added; paste the code again, or begin anew.`,
    )
  const answer = readTokenAnswer({ ...asked, now: clock.now(), secrets: [code, verifier] })
  if (answer.kind === 'tokens') return answer.tokens
  if (answer.kind !== 'later') forget()
  throw toError(answer)
}

function toError({ kind, evidence }: Exclude<TokenAnswer, { kind: 'tokens' }>): GatewayError {
  switch (kind) {
    case 'later':
      return new GatewayError(
        'unavailable',
        `The sign-in could not be finished: ${evidence}. Nothing was added; paste the code again in a while, or begin anew.`,
      )
    case 'revoked':
      return new GatewayError(
        'bad-request',
        `The code was not accepted: it is wrong, was used already, or is too old (${evidence}). Nothing was added; begin again.`,
      )
    case 'refused':
    case 'unusable':
      return new GatewayError(
        'unavailable',
        `The sign-in was not completed: ${evidence}. Nothing was added; check the settings clientId and anthropicOauthUrl if you have changed them.`,
      )
  }
}

async function toGrant(options: BeginOptions, tokens: TokenSet, context: KeeperContext): Promise<Grant> {
  const { accessToken } = tokens
  const endpoint = apiEndpointOf(options.provider, options.baseUrl)
  if (endpoint === undefined)
    return { tokens, apiKey: undefined, keyProblem: undefined, standing: tokens.standing, tier: undefined }
  const access = { endpoint, accessToken, proxy: options.proxy, added: [] }
  // At once: whoever has pasted a code waits, and a command does not wait for ever.
  const [profile, made] = await Promise.all([
    askProfile(access, context),
    options.createsKey ? createKey(access, context) : undefined,
  ])
  return {
    tokens,
    apiKey: made?.key,
    keyProblem: made?.problem,
    standing: { ...tokens.standing, ...profile?.standing },
    tier: profile?.tier,
  }
}

async function createKey(
  access: ProfileAccess,
  context: KeeperContext,
): Promise<{ readonly key?: string; readonly problem?: string }> {
  const headers = oauthHeaders(access.accessToken)
  const asked = await ask(context, { ...access, method: 'POST', path: CREATE_KEY_PATH, headers })
  if (asked.kind === 'fault') return { problem: asked.detail }
  const key = asked.status < 300 ? readCreatedKey(asked.body) : undefined
  return key === undefined ? { problem: `the provider answered ${asked.status} and made no key` } : { key }
}

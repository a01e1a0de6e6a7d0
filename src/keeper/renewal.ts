/**
 * One renewal of one account's token, from the claim to the stored result (G9): claimed in
 * the database, so that no other process renews at the same time; stored by compare-and-swap
 * before anybody uses it; and whatever goes wrong is told apart: gone for good, in trouble,
 * or in doubt because the provider's answer was lost. Must not decide when to renew.
 */
import type { Account } from '../core/account.ts'
import { messageOf } from '../core/error.ts'
import { isConnectFault } from '../core/failure.ts'
import type { Credential } from '../core/ports/stores.ts'
import { later, type Millis, SECOND } from '../core/time.ts'
import {
  OAUTH_BETA,
  readTokenAnswer,
  renewalBody,
  TOKEN_PATH,
  type TokenAnswer,
  type TokenSet,
} from '../providers/anthropic/oauth.ts'
import { ask, proxyOf } from './ask.ts'
import type { KeeperContext } from './context.ts'

export type Outcome =
  | { readonly kind: 'renewed'; readonly account: Account }
  /** Only a new sign-in helps. */
  | { readonly kind: 'revoked'; readonly evidence: string }
  | { readonly kind: 'trouble'; readonly evidence: string; readonly waitMs: number | undefined }

/** A holder that has not said anything for so long is taken to be gone. */
const CLAIM_MS = 45 * SECOND
const HELD_PAUSE_MS = 200
const HELD_PATIENCE_MS = 60 * SECOND

/** `account`: as it is known here; another process may know better. */
export async function renewOnce(account: Account, context: KeeperContext): Promise<Outcome> {
  const { clock, credentials, holder } = context
  const deadline = clock.elapsed() + HELD_PATIENCE_MS
  for (;;) {
    const now = clock.now()
    const terms = { holder, now, until: later(now, CLAIM_MS) }
    const claim = await credentials.claim(account.id, account.credentialVersion, terms)
    switch (claim.kind) {
      case 'claimed':
        return exchange(account, claim.isInDoubt, context)
      case 'superseded':
        return othersResult(account, context)
      case 'held':
        if (clock.elapsed() > deadline) return trouble('another process has been renewing it for a minute')
        await clock.sleep(HELD_PAUSE_MS)
    }
  }
}

const trouble = (evidence: string, waitMs?: number): Outcome => ({ kind: 'trouble', evidence, waitMs })

async function othersResult(
  { id, credentialVersion }: Account,
  { credentials }: KeeperContext,
): Promise<Outcome> {
  const present = await credentials.reload(id)
  return present !== undefined && present.credentialVersion > credentialVersion
    ? { kind: 'renewed', account: present }
    : trouble('its stored token has changed, or waits to be stored')
}

async function exchange(account: Account, isInDoubt: boolean, context: KeeperContext): Promise<Outcome> {
  const { credentials, secrets, clock, settings, holder } = context
  const { id, refreshSecret } = account
  if (refreshSecret === undefined) return { kind: 'revoked', evidence: 'it has no refresh token' }
  const refreshToken = secrets.open('refresh-token', id, refreshSecret)
  const { tokenEndpoint: endpoint, clientId } = settings()
  const asked = await ask(context, {
    endpoint,
    method: 'POST',
    path: TOKEN_PATH,
    headers: [
      ['content-type', 'application/json'],
      ['anthropic-beta', OAUTH_BETA],
    ],
    body: renewalBody(refreshToken, clientId),
    proxy: proxyOf(account, secrets),
  })
  if (asked.kind === 'fault') {
    // Whatever broke after the request had been sent may have renewed the token all the same.
    await credentials.release(id, holder, isInDoubt || !isConnectFault(asked.cause))
    return trouble(`the token endpoint could not be asked (${asked.detail})`)
  }
  const answer = readTokenAnswer({ ...asked, now: clock.now() })
  if (answer.kind === 'tokens') return store(account, answer.tokens, context)
  await credentials.release(id, holder, isInDoubt || answer.kind === 'unusable')
  return refused(account, { answer, isInDoubt, refreshToken }, context)
}

async function store(account: Account, tokens: TokenSet, context: KeeperContext): Promise<Outcome> {
  const { log } = context
  const { name } = account
  const stored = await storeForSure(account, seal(account, tokens, context), context)
  if (stored === undefined) return othersResult(account, context)
  log.debug('A token was renewed.', { account: name })
  return { kind: 'renewed', account: stored }
}

/** The provider has retired the old token, so this one must not be lost: tried until something takes it. */
async function storeForSure(
  { id, name, credentialVersion }: Account,
  credential: Credential,
  { credentials, clock, log }: KeeperContext,
): Promise<Account | undefined> {
  for (;;) {
    try {
      return await credentials.replace(id, credentialVersion, credential)
    } catch (error) {
      log.error('A renewed token can be stored nowhere; it is not used before it is.', error, {
        account: name,
      })
      await clock.sleep(STORE_PAUSE_MS)
    }
  }
}

const STORE_PAUSE_MS = 2 * SECOND

/** The tokens as they are stored; where no new refresh token came, the one before stays (`wire.md` §2.4). */
const seal = (
  { id, refreshSecret }: Pick<Account, 'id' | 'refreshSecret'>,
  {
    accessToken,
    refreshToken,
    expiresAt,
  }: Pick<TokenSet, 'accessToken' | 'refreshToken'> & {
    readonly expiresAt: Millis | undefined
  },
  { secrets }: Pick<KeeperContext, 'secrets'>,
): Credential => ({
  secret: secrets.seal('account-credential', id, accessToken),
  refreshSecret: refreshToken === undefined ? refreshSecret : secrets.seal('refresh-token', id, refreshToken),
  tokenExpiresAt: expiresAt,
})

interface Refused {
  readonly answer: Exclude<TokenAnswer, { kind: 'tokens' }>
  readonly isInDoubt: boolean
  readonly refreshToken: string
}

/** Somebody else may have renewed meanwhile: nobody is sent to sign in before that has been looked at. */
async function refused(
  account: Account,
  { answer, isInDoubt, refreshToken }: Refused,
  context: KeeperContext,
): Promise<Outcome> {
  // Providers repeat in their messages what they were sent (G5).
  const evidence = answer.evidence.replaceAll(refreshToken, '[secret]')
  switch (answer.kind) {
    case 'later':
      return trouble(evidence, answer.waitMs)
    case 'unusable':
    case 'refused':
      return trouble(evidence, REFUSED_WAIT_MS)
    case 'revoked': {
      const others = await othersResult(account, context)
      if (others.kind === 'renewed') return others
      return { kind: 'revoked', evidence: isInDoubt ? `${LOST} (${evidence})` : evidence }
    }
  }
}

const LOST = 'its renewed token was lost: an earlier renewal was cut off before its result was stored'
/** A wrong client id or a provider that answers nonsense is for a person to put right. */
const REFUSED_WAIT_MS = 15 * 60 * SECOND

/** For whatever must not happen: the database is away, the secret key is not the right one. */
export const troubleOf = (error: unknown): Outcome => trouble(messageOf(error))

/**
 * One renewal of one account's token, from the claim to the stored result (G9): claimed in
 * the database, so that no other process renews at the same time; stored by compare-and-swap
 * before anybody uses it; and whatever goes wrong is told apart: gone for good, in trouble,
 * or in doubt because the provider's answer was lost. Must not decide when to renew.
 */
import type { Account, SealedSecret } from '../core/account.ts'
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
import { ask, proxyOf, type Question } from './ask.ts'
import type { KeeperContext } from './context.ts'

export type Outcome =
  /** `isIssued`: the token has just come from its provider; otherwise somebody else had renewed it before. */
  | { readonly kind: 'renewed'; readonly account: Account; readonly isIssued: boolean }
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
  if (account.refreshSecret === undefined) return { kind: 'revoked', evidence: 'it has no refresh token' }
  // Whatever cannot be opened fails before anything is claimed.
  const request = toRequest(account, account.refreshSecret, context)
  const deadline = clock.elapsed() + HELD_PATIENCE_MS
  for (;;) {
    const now = clock.now()
    const terms = { holder, now, until: later(now, CLAIM_MS) }
    const claim = await credentials.claim(account.id, account.credentialVersion, terms)
    switch (claim.kind) {
      case 'claimed':
        return exchange(account, { request, isInDoubt: claim.isInDoubt }, context)
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
    ? { kind: 'renewed', account: present, isIssued: false }
    : trouble('its stored token has changed, or waits to be stored')
}

interface Request {
  readonly question: Question
  readonly refreshToken: string
}

function toRequest(account: Account, refreshSecret: SealedSecret, context: KeeperContext): Request {
  const { secrets, settings } = context
  const refreshToken = secrets.open('refresh-token', account.id, refreshSecret)
  const { tokenEndpoint: endpoint, clientId } = settings()
  const question: Question = {
    endpoint,
    method: 'POST',
    path: TOKEN_PATH,
    headers: [
      ['content-type', 'application/json'],
      ['anthropic-beta', OAUTH_BETA],
    ],
    body: renewalBody(refreshToken, clientId),
    proxy: proxyOf(account, secrets),
  }
  return { question, refreshToken }
}

interface Claimed {
  readonly request: Request
  /** An earlier renewal never said what came of it. */
  readonly isInDoubt: boolean
}

async function exchange(
  account: Account,
  { request, isInDoubt }: Claimed,
  context: KeeperContext,
): Promise<Outcome> {
  const asked = await ask(context, request.question)
  if (asked.kind === 'fault') {
    // Whatever broke after the request had been sent may have renewed the token all the same.
    await release(account, isInDoubt || !isConnectFault(asked.cause), context)
    return trouble(`the token endpoint could not be asked (${asked.detail})`)
  }
  const answer = readTokenAnswer({ ...asked, now: context.clock.now(), secrets: [request.refreshToken] })
  if (answer.kind === 'tokens') return store(account, answer.tokens, context)
  await release(account, isInDoubt || answer.kind === 'unusable', context)
  return refused(account, answer, isInDoubt, context)
}

/** What the provider said counts, whether or not the database takes that it was said. */
async function release({ id, name }: Account, isInDoubt: boolean, context: KeeperContext): Promise<void> {
  const { credentials, holder, log } = context
  try {
    await credentials.release(id, holder, isInDoubt)
  } catch (error) {
    log.warn(`The end of a renewal of ${name} could not be stored: ${messageOf(error)}`, { account: name })
  }
}

async function store(account: Account, tokens: TokenSet, context: KeeperContext): Promise<Outcome> {
  const { log } = context
  const { name } = account
  const stored = await storeForSure(account, seal(account, tokens, context), context)
  if (stored === undefined) return othersResult(account, context)
  log.debug('A token was renewed.', { account: name })
  return { kind: 'renewed', account: stored, isIssued: true }
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

/** Somebody else may have renewed meanwhile: nobody is sent to sign in before that has been looked at. */
async function refused(
  account: Account,
  answer: Exclude<TokenAnswer, { kind: 'tokens' }>,
  isInDoubt: boolean,
  context: KeeperContext,
): Promise<Outcome> {
  const { evidence } = answer
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

/**
 * Tokens that end by themselves: how one stands, and when it is to be renewed. Decides only;
 * whoever renews asks here, with the time as an argument.
 */
import type { Account } from './account.ts'
import type { Health } from './health.ts'
import { describeLength, later, MINUTE, type Millis, toIso } from './time.ts'

export type TokenStatus = 'healthy' | 'expiring' | 'expired' | 'needs-login'

export interface TokenHealth {
  readonly status: TokenStatus
  readonly expiresAt: Millis | undefined
  /** For people: what is the case. */
  readonly message: string
  /** What a person has to do; undefined where nothing is to be done. */
  readonly remedy: string | undefined
}

/** With less left than this a token is renewed before it is used. */
const BEFORE_USE_MS = MINUTE
/** That long before its end a token is renewed in the background. */
const AHEAD_MS = 10 * MINUTE
const JITTER_MS = 2 * MINUTE
/** A token that nobody can renew is announced a good while before its end. */
const NOTICE_MS = 3 * 24 * 60 * MINUTE
/** Of a short-lived token this share is used before it is renewed, whatever the margins say. */
const LEAST_USE = 2 / 3

type Token = Pick<Account, 'tokenExpiresAt' | 'refreshSecret'>

export const isRenewable = ({ refreshSecret }: Token): boolean => refreshSecret !== undefined

/** `lifeMs`: how long it lives from its issue to its end, where that was seen. */
const marginOf = (marginMs: number, lifeMs: number | undefined): number =>
  lifeMs === undefined ? marginMs : Math.min(marginMs, lifeMs * (1 - LEAST_USE))

/** Whether a token is too near its end to be sent with a request. */
export const isDueBeforeUse = (
  { tokenExpiresAt }: Token,
  now: Millis,
  lifeMs?: number | undefined,
): boolean => tokenExpiresAt !== undefined && tokenExpiresAt - now < marginOf(BEFORE_USE_MS, lifeMs)

/** When a token is to be renewed in the background; `chance` (0 to 1) spreads accounts over time. */
export function renewalAt(
  { tokenExpiresAt, refreshSecret }: Token,
  chance: number,
  lifeMs?: number | undefined,
): Millis | undefined {
  if (tokenExpiresAt === undefined || refreshSecret === undefined) return undefined
  return later(tokenExpiresAt, -marginOf(AHEAD_MS + chance * JITTER_MS, lifeMs))
}

/** Undefined for accounts whose credential does not end by itself and is not missed. */
export function tokenHealthOf(
  account: Token & Pick<Account, 'name'>,
  { login }: Pick<Health, 'login'>,
  now: Millis,
): TokenHealth | undefined {
  const { name, tokenExpiresAt: expiresAt } = account
  const signIn = `Sign in again with "spillway accounts login ${name}".`
  if (login !== undefined) {
    return { status: 'needs-login', expiresAt, message: sentence(login.reason), remedy: signIn }
  }
  if (expiresAt === undefined) return undefined
  const leftMs = expiresAt - now
  const isOver = leftMs <= 0
  const ends = isOver ? `It ended at ${toIso(expiresAt)}` : `It ends in ${describeLength(leftMs)}`
  if (isRenewable(account)) {
    const status = leftMs < AHEAD_MS ? 'expiring' : 'healthy'
    const message = isOver
      ? `${ends} and is renewed with the next request.`
      : `${ends} and is renewed by itself.`
    return { status: isOver ? 'expired' : status, expiresAt, message, remedy: undefined }
  }
  const status = leftMs < NOTICE_MS ? 'expiring' : 'healthy'
  return {
    status: isOver ? 'expired' : status,
    expiresAt,
    message: `${ends}, and it cannot be renewed.`,
    remedy: isOver || status === 'expiring' ? signIn : undefined,
  }
}

const sentence = (text: string): string => {
  const begun = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
  return begun.endsWith('.') ? begun : `${begun}.`
}

/**
 * An account: something with a credential of its own that can answer requests. What the
 * operator said about it, no more: how it fares is in health.ts, what it served is in the
 * ledger. The credential is sealed; this layer cannot open it.
 */
import type { Millis } from './time.ts'

declare const accountId: unique symbol

export type AccountId = string & { readonly [accountId]: true }

export const toAccountId = (text: string): AccountId => text as AccountId

/** What `storage` keeps of a secret: ciphertext that only the data directory's key opens. */
declare const sealed: unique symbol
export type SealedSecret = string & { readonly [sealed]: true }

export const toSealedSecret = (text: string): SealedSecret => text as SealedSecret

export interface Account {
  readonly id: AccountId
  /** Unique, shown to people, sent as `x-spillway-account`. */
  readonly name: string
  readonly provider: string
  /** Where requests go instead of to the provider's own origin. */
  readonly baseUrl: string | undefined
  /** Lower numbers go first. */
  readonly priority: number
  readonly weight: number
  readonly tier: number
  readonly groups: readonly string[]
  /** A model, a family or "*" → the models that this account is asked for instead, best first. */
  readonly modelMap: ReadonlyMap<string, readonly string[]>
  /** Models or families that it serves; undefined: what its provider and its plan say. */
  readonly models: readonly string[] | undefined
  /** How many requests it is given at once; undefined: as many as there are. */
  readonly maxConcurrent: number | undefined
  /** What requests carry: an API key or an access token. */
  readonly secret: SealedSecret
  /** What a new access token is had for; undefined for credentials that do not expire. */
  readonly refreshSecret: SealedSecret | undefined
  /** When `secret` ends by itself; undefined where that is not known. */
  readonly tokenExpiresAt: Millis | undefined
  /** Grows with every new credential, so that no older one can overwrite it (G9). */
  readonly credentialVersion: number
  /** Paid overage counts as a limit. */
  readonly planOnly: boolean
  /** A proxy of its own and further headers, sealed because both may hold secrets. */
  readonly network: SealedSecret | undefined
  readonly pausedAt: Millis | undefined
  readonly createdAt: Millis
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/

/** Names travel in a header and in shell commands, so they are plain. */
export const isAccountName = (text: string): boolean => NAME.test(text)

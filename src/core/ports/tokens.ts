/**
 * Where the request path gets a credential that may have to be renewed first. Whoever waits
 * may leave at any time; a renewal that has begun goes on for the others.
 */
import type { Account, AccountId } from '../account.ts'
import type { Failure } from '../failure.ts'

export interface Tokens {
  /**
   * The account with a credential that can be sent, or why there is none. Answers at once
   * where nothing has to be renewed.
   */
  usable(account: Account): Account | Promise<Renewed>
  /** The provider has refused the credential of this version: one newer than that, or why there is none. */
  afterRefusal(id: AccountId, version: number): Promise<Renewed>
}

export type Renewed =
  | { readonly kind: 'fresh'; readonly account: Account }
  | { readonly kind: 'failed'; readonly failure: Failure }

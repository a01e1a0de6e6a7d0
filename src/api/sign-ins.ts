/**
 * Signing in to accounts with a browser, as the API's handlers need it: begun, and finished
 * with what was granted. Types only; who talks to providers is the keeper.
 */
import type { AccountId } from '../core/account.ts'
import type { Standing } from '../core/standing.ts'
import type { Millis } from '../core/time.ts'
import type { Input } from './contract.ts'

export interface SignIns {
  begin(options: SignInOptions, purpose: SignInPurpose): BegunSignIn
  /** Throws GatewayError with a sentence about whatever went wrong. */
  finish(
    sessionId: string,
    pasted: string,
  ): Promise<{ readonly grant: Grant; readonly purpose: SignInPurpose }>
}

export interface SignInOptions {
  readonly provider: string
  readonly mode: 'max' | 'console'
  readonly baseUrl: string | undefined
  readonly proxy: string | undefined
  readonly createsKey: boolean
}

/** What the sign-in was begun for. */
export interface SignInPurpose {
  readonly wanted: Input<'beginSignIn'>['body']
  /** What is signed in to, whether that was said or is as before. */
  readonly mode: 'max' | 'console'
  /** The account that is signed in to again; undefined: a new one. */
  readonly again: AccountId | undefined
}

export interface BegunSignIn {
  readonly sessionId: string
  readonly authUrl: string
  readonly expiresAt: Millis
}

export interface Grant {
  readonly tokens: {
    readonly accessToken: string
    readonly refreshToken: string | undefined
    readonly expiresAt: Millis
  }
  /** An API key that was made with the tokens. */
  readonly apiKey: string | undefined
  /** Why there is none although one was asked for. */
  readonly keyProblem: string | undefined
  readonly standing: Standing
  readonly tier: number | undefined
}

/**
 * What the numbers of vendors mean that have numbers instead of error types: a status of the
 * dialect, for answers that hide their error behind a 200, and a reading. Numbers that are not
 * in a vendor's table mean nothing.
 */
import type { ErrorAnswer } from './provider.ts'
import {
  accountTrouble,
  modelTrouble,
  type ReadVendorError,
  refusedCredential,
  serverTrouble,
  throttled,
  type VendorError,
  type VendorVerdict,
} from './vendor-failure.ts'

export interface Meaning {
  readonly status: number
  readonly read: (answer: ErrorAnswer, message: string) => VendorVerdict
}

export type Meanings = ReadonlyMap<string, Meaning>

export const readByCode =
  (meanings: Meanings, codeOf: (error: VendorError) => string): ReadVendorError =>
  (error, answer) =>
    meanings.get(codeOf(error))?.read(answer, error.message)

export const REQUESTS_OWN: Meaning = { status: 400, read: () => 'own' }
export const BAD_KEY: Meaning = { status: 401, read: refusedCredential }
export const NO_BALANCE: Meaning = {
  status: 402,
  read: (answer) => accountTrouble(answer, 'billing', 'its balance is used up'),
}
export const WHOLE_ACCOUNT: Meaning = {
  status: 403,
  read: (answer) => accountTrouble(answer, 'forbidden', 'its provider refuses the whole account'),
}
export const NOT_IN_PLAN: Meaning = { status: 403, read: (answer) => modelTrouble(answer, 'forbidden') }
export const NO_SUCH_MODEL: Meaning = {
  status: 404,
  read: (answer) => modelTrouble(answer, 'model-not-found'),
}
export const TIMEOUT: Meaning = { status: 408, read: (answer) => serverTrouble(answer, 'request-timeout') }
export const SERVER_ERROR: Meaning = { status: 500, read: (answer) => serverTrouble(answer, 'server-error') }
export const OVERLOADED: Meaning = { status: 529, read: (answer) => serverTrouble(answer, 'overloaded') }

export const tooFast = (what: string): Meaning => ({
  status: 429,
  read: (answer) => throttled(answer, what),
})

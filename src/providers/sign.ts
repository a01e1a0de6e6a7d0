/**
 * The ways in which a credential goes into a request. Each gives exactly one header, and
 * none for an empty secret where none is needed. Must not keep a secret.
 */
import type { Header, Headers } from '../core/headers.ts'

export type Sign = (secret: string) => Headers

const BEARER = 'Bearer '

/** A secret may have been given with its scheme. */
const toBearer = (secret: string): Header => [
  'authorization',
  secret.startsWith(BEARER) ? secret : `${BEARER}${secret}`,
]

export const asBearer: Sign = (secret) => [toBearer(secret)]

export const asKey: Sign = (secret) => [['x-api-key', secret]]

/** Xiaomi's and Azure's name for the same. */
export const asPlainApiKey: Sign = (secret) => [['api-key', secret]]

/** The credential alone, without a scheme before it. */
export const asRawAuthorization: Sign = (secret) => [['authorization', secret]]

/** A key where a key was given, a bearer token where it was given as one. */
export const asGiven: Sign = (secret) => (secret.startsWith(BEARER) ? asBearer(secret) : asKey(secret))

/** For endpoints that ask for a credential only when they are told to. */
export const whereNeeded =
  (sign: Sign): Sign =>
  (secret) =>
    secret === '' ? [] : sign(secret)

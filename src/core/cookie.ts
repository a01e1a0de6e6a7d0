/**
 * Cookies as RFC 6265 writes them. One that may vouch for somebody goes to no other site and
 * to no script; over TLS its name says that no other host can have set it. Pure text.
 */

const SESSION = 'spillway_session'
/** A browser takes this prefix only from HTTPS, for the whole host and for no other (RFC 6265bis §4.1.3.2). */
const HOST_PREFIX = '__Host-'

/** The secret of a visit's cookie; of an encrypted connection only the name that nobody else can have set. */
export function sessionSecretIn(header: string | undefined, isTls: boolean): string | undefined {
  if (header === undefined) return undefined
  const bound = cookieIn(header, HOST_PREFIX + SESSION)
  return isTls ? bound : (bound ?? cookieIn(header, SESSION))
}

/** The value of the first cookie of that name; undefined where there is none. */
export function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** `secret` undefined takes it away. */
export function sessionCookie(secret: string | undefined, lifeMs: number, isSecure: boolean): string {
  const name = isSecure ? HOST_PREFIX + SESSION : SESSION
  return writeCookie({ name, value: secret, path: '/', lifeMs, isSecure, sameSite: 'Strict' })
}

export interface CookieText {
  readonly name: string
  /** Undefined: the browser is to forget it. */
  readonly value: string | undefined
  readonly path: string
  readonly lifeMs: number
  readonly isSecure: boolean
  readonly sameSite: 'Strict' | 'Lax'
}

export function writeCookie({ name, value, path, lifeMs, isSecure, sameSite }: CookieText): string {
  const seconds = value === undefined ? 0 : Math.floor(lifeMs / 1_000)
  const common = `${name}=${value ?? ''}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=${sameSite}`
  return isSecure ? `${common}; Secure` : common
}

/**
 * Blots out of a line of the log whatever looks like a credential, wherever it stands: the
 * last resort for what should never have been written. A line of JSON stays one: no quote
 * and no lone backslash is ever taken. Must not be relied on in the place of not writing
 * secrets at all.
 */
import { FOREIGN_SECRETS } from './secret-shapes.ts'

const PRIVATE_KEY = 'private key'

const KEYS: readonly RegExp[] = [
  ...FOREIGN_SECRETS.filter(({ name }) => name !== PRIVATE_KEY).map(({ pattern }) => pattern),
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s]|\\[nr])*/g,
  /\bABSK[A-Za-z0-9+/=]{12,}/g,
  /\bya29\.[A-Za-z0-9._-]{10,}/g,
  /\bwhsec_[A-Za-z0-9+/=]{8,}/g,
  // Base64 of a name and a password has hardly ever small letters only; an English word has.
  /(?<=\b[Bb]asic )(?=[a-z+/]*[A-Z0-9=])[A-Za-z0-9+/]{8,}=*/g,
  // https://somebody:password@host.
  /(?<=:\/\/[^\s/?#@:"\\]*:)[^\s/@"\\]+(?=@)/g,
]

/** What comes after these names: in a header, a parameter or a field of JSON, itself perhaps within a text of JSON. */
const NAMED: readonly RegExp[] = [
  /((?:(?:access|refresh|id|session)_?token|client_?secret|secret_?access_?key|x-goog-api-key|x-api-key|api[_-]?key|pass(?:word|phrase|wd)|code_verifier)\\?"?\s?[:=]\s?\\?"?)(?!\[secret\])[^\s"\\&,;}]{6,}/gi,
  // RFC 6265 §4.1.1: a value holds no comma.
  /((?:set-)?cookie\\?"?\s?[:=]\s?\\?"?)[^"\\\r\n,]{6,}/gi,
  // Last, for what an address's parameter holds may be one of the others.
  /([?&](?:code|key|token|secret)=)(?!\[secret\])[^\s"\\&,;}]{6,}/gi,
]

export function redactLine(line: string): string {
  let shown = line
  for (const pattern of KEYS) shown = shown.replace(pattern, '[secret]')
  for (const pattern of NAMED) shown = shown.replace(pattern, '$1[secret]')
  return shown
}

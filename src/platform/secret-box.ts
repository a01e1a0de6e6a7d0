/**
 * The `SecretBox` port: AES-256-GCM under keys derived, one for each purpose, from one
 * secret key (HKDF-SHA256). The owner's id is authenticated with the text, so a sealed text
 * moved to another row does not open. Opened secrets are remembered in memory; nothing here
 * is ever logged.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { type SealedSecret, toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { SecretBox, SecretPurpose } from '../core/ports/secrets.ts'

const ALGORITHM = 'aes-256-gcm'
const VERSION = 'v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const MOST_REMEMBERED = 1_000

/** `keyPlace` names where the key came from, for the error when it is the wrong one. */
export function createSecretBox(secretKey: Buffer, keyPlace: string): SecretBox {
  const keys = new Map<SecretPurpose, Buffer>()
  const remembered = new Map<SealedSecret, Remembered>()
  const keyFor = (purpose: SecretPurpose): Buffer => {
    const known = keys.get(purpose)
    if (known !== undefined) return known
    const derived = derivedKey(secretKey, purpose)
    keys.set(purpose, derived)
    return derived
  }
  return {
    seal(purpose, owner, secret) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, keyFor(purpose), nonce).setAAD(Buffer.from(owner))
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return toSealedSecret(
        `${VERSION}.${Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url')}`,
      )
    },
    open(purpose, owner, sealed) {
      const known = remembered.get(sealed)
      if (known?.purpose === purpose && known.owner === owner) return known.secret
      const secret = open(keyFor(purpose), owner, sealed, keyPlace)
      if (remembered.size >= MOST_REMEMBERED) remembered.clear()
      remembered.set(sealed, { purpose, owner, secret })
      return secret
    },
  }
}

/** A key for one purpose, from which neither the secret key nor another purpose's follows. */
export const derivedKey = (secretKey: Buffer, purpose: SecretPurpose | 'payload'): Buffer =>
  Buffer.from(hkdfSync('sha256', secretKey, '', `spillway/${purpose}/${VERSION}`, 32))

interface Remembered {
  readonly purpose: SecretPurpose
  readonly owner: string
  readonly secret: string
}

function open(key: Buffer, owner: string, sealed: SealedSecret, keyPlace: string): string {
  const [version, text = ''] = sealed.split('.')
  const bytes = Buffer.from(text, 'base64url')
  try {
    if (version !== VERSION || bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('not a sealed text')
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(owner)).setAuthTag(bytes.subarray(-TAG_BYTES))
    return (
      decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    )
  } catch (cause) {
    const message = `The stored credential cannot be opened with the key in ${keyPlace}`
    throw new GatewayError('unavailable', message, { cause })
  }
}

/**
 * Seals secrets for storage and opens them for use. A sealed text opens only for the purpose
 * and the owner that it was sealed for, with the data directory's own key.
 */
import type { SealedSecret } from '../account.ts'

export type SecretPurpose =
  | 'account-credential'
  | 'refresh-token'
  | 'account-network'
  | 'sign-in-flow'
  | 'alert-channel'
  | 'key-check'

export interface SecretBox {
  seal(purpose: SecretPurpose, owner: string, secret: string): SealedSecret
  /** Throws GatewayError `unavailable` when the text is not of this key, purpose and owner. */
  open(purpose: SecretPurpose, owner: string, sealed: SealedSecret): string
}

/** Where random secrets and their digests come from. Types only. */

export interface SecretSource {
  /** 256 random bits behind a prefix, and the digest that is kept of them. */
  make(prefix: string): { readonly secret: string; readonly digest: string }
  digest(text: string): string
  newId(): string
}

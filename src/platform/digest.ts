/**
 * Digests: SHA-256 for what must not be guessed, a fast hash for telling conversations
 * apart. Must not be used to keep passwords.
 */

export const sha256 = (text: string): string => Bun.SHA256.hash(text, 'hex')

/** 128 bits over parts of a body; equal parts give equal digests, whatever stands between them. */
export function digestParts(
  body: Uint8Array,
  parts: readonly { readonly start: number; readonly end: number }[],
): string {
  let low = 0n
  let high = 1n
  for (const { start, end } of parts) {
    const bytes = body.subarray(start, end)
    low = BigInt(Bun.hash.wyhash(bytes, low))
    high = BigInt(Bun.hash.wyhash(bytes, high))
  }
  return `${low.toString(16).padStart(16, '0')}${high.toString(16).padStart(16, '0')}`
}

/** 32 bits, for telling apart parts of one conversation. */
export const shortHash = (bytes: Uint8Array): number => Bun.hash.xxHash32(bytes)

/** 64 bits over a whole body in one pass, for telling apart a few bodies of one client. */
export const fingerprint = (body: Uint8Array): string => Bun.hash.xxHash3(body).toString(16)

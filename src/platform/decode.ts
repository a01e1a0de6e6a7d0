/**
 * Decodes a copy of a compressed answer so that its usage can be read. Bounded: what unpacks
 * to more than a little is given up, the answer itself passes all the same. Must never be in
 * the way of the bytes that pass.
 */
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

export interface Decoding {
  push(bytes: Uint8Array): void
  /** Resolves when all that was pushed has been decoded, or given up. */
  end(): Promise<void>
}

const DECODERS = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress()],
])

const MOST_DECODED_BYTES = 64 << 20
const MOST_WAITING_BYTES = 8 << 20

/** Undefined for encodings that are not known here. */
export function decodeCopy(encoding: string, onBytes: (bytes: Uint8Array) => void): Decoding | undefined {
  const decoder = DECODERS.get(encoding.toLowerCase())?.()
  if (decoder === undefined) return undefined
  const { promise, resolve } = Promise.withResolvers<void>()
  let decoded = 0
  decoder.on('data', (bytes: Uint8Array) => {
    decoded += bytes.length
    if (decoded <= MOST_DECODED_BYTES) onBytes(bytes)
    else decoder.destroy()
  })
  decoder.on('error', () => resolve())
  decoder.on('close', () => resolve())
  decoder.on('end', () => resolve())
  return {
    push(bytes) {
      if (decoder.writableLength > MOST_WAITING_BYTES) decoder.destroy()
      else if (!decoder.destroyed) decoder.write(bytes)
    },
    end() {
      if (decoder.destroyed) resolve()
      else decoder.end()
      return promise
    },
  }
}

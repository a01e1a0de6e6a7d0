/** A compressed answer's copy is decoded, in pieces of any size, and given up when it is a bomb. */
import { describe, expect, it } from 'bun:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { decodeCopy } from './decode.ts'

const MOST_DECODED_BYTES = 64 << 20

const ENCODINGS: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
]

describe.each(ENCODINGS)('an answer in %s', (encoding, compress) => {
  it('is decoded to what it was, however it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5_000 }),
        fc.integer({ min: 1, max: 700 }),
        async (bytes, size) => {
          expect(Buffer.concat(await decodeAll(encoding, pieces(compress(bytes), size)))).toEqual(
            Buffer.from(bytes),
          )
        },
      ),
      { numRuns: 30 },
    )
  })

  it('that is cut off gives what could be decoded, and ends', async () => {
    const text = 'event: message_delta\n'.repeat(2_000)
    const compressed = compress(Buffer.from(text))
    const got = Buffer.concat(await decodeAll(encoding, [compressed.subarray(0, compressed.length - 10)]))
    expect(text.startsWith(got.toString())).toBe(true)
  })

  it('that is not what it says gives nothing, and ends', async () => {
    const got = Buffer.concat(await decodeAll(encoding, [Buffer.from('{"type":"message"}')]))
    expect(got.toString()).toBe('')
  })

  it('that unpacks to more than is reasonable is given up, and ends', async () => {
    const bomb = compress(Buffer.alloc(MOST_DECODED_BYTES + (8 << 20)))
    expect(bomb.length).toBeLessThan(1 << 20)
    let bytes = 0
    const decoding = decodeCopy(encoding, (piece) => {
      bytes += piece.length
    })
    for (const piece of pieces(bomb, 4_096)) decoding?.push(piece)
    await decoding?.end()
    expect(bytes).toBeLessThanOrEqual(MOST_DECODED_BYTES)
    expect(() => decoding?.push(bomb)).not.toThrow()
    await decoding?.end()
  })
})

describe('a decoding', () => {
  it.each(['identity', '', 'compress', 'gzip, br', 'nonsense'])('of %p does not exist', (encoding) => {
    expect(decodeCopy(encoding, () => {})).toBeUndefined()
  })

  it('of nothing ends', async () => {
    const decoding = decodeCopy('gzip', () => {})
    await decoding?.end()
  })
})

const pieces = (bytes: Uint8Array, size: number): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )

async function decodeAll(encoding: string, parts: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const got: Uint8Array[] = []
  const decoding = decodeCopy(encoding, (bytes) => void got.push(Buffer.from(bytes)))
  for (const part of parts) decoding?.push(part)
  await decoding?.end()
  return got
}

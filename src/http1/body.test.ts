/** Bodies out of bytes: the same in any pieces, and nothing that is framed wrongly (RFC 9112 §6–7). */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createBodyDecoder, FramingError } from './body.ts'
import type { Framing } from './head.ts'

const CHUNKED: Framing = { kind: 'chunked' }

describe('a body of a known length', () => {
  it('ends with its last byte; what follows is not its own', () => {
    expect(decode({ kind: 'length', length: 5 }, ['hel', 'lo', 'rest'])).toEqual({
      body: 'hello',
      rest: 'rest',
      isComplete: true,
      end: 'complete',
    })
    expect(decode({ kind: 'length', length: 5 }, ['hellorest'])).toMatchObject({
      body: 'hello',
      rest: 'rest',
    })
  })

  it('is short when the connection ends before', () => {
    expect(decode({ kind: 'length', length: 5 }, ['hell'])).toMatchObject({ isComplete: false, end: 'short' })
  })

  it('is complete at once where there is nothing to come', () => {
    expect(createBodyDecoder({ kind: 'none' }).isComplete).toBe(true)
    expect(decode({ kind: 'none' }, ['next'])).toMatchObject({ body: '', rest: 'next', end: 'complete' })
  })

  it('is the same in any pieces', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 20 }), cuts(), (text, length, places) => {
        const whole = decode({ kind: 'length', length }, [text])
        expect(decode({ kind: 'length', length }, inPieces(text, places))).toEqual(whole)
      }),
    )
  })
})

describe('a body that ends with its connection', () => {
  it('takes everything, and is complete when the end has come', () => {
    const decoder = createBodyDecoder({ kind: 'until-close' })
    expect(decoder.feed(bytesOf('all of it')).rest).toHaveLength(0)
    expect(decoder.isComplete).toBe(false)
    expect(decoder.end()).toBe('complete')
    expect(decoder.isComplete).toBe(true)
  })
})

describe('a chunked body', () => {
  it.each([
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'hello'],
    ['none', '0\r\n\r\n', ''],
    [
      'sizes in either case, with zeros before',
      '00a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n',
      '01234567890123456789',
    ],
    ['extensions', '5;a=b;c="d e"\r\nhello\r\n0;x\r\n\r\n', 'hello'],
    ['space before an extension', '5 \t;a\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['trailers, which are dropped', '5\r\nhello\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n', 'hello'],
    ['line ends in the data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
    ['a last chunk of several zeros', '5\r\nhello\r\n000\r\n\r\n', 'hello'],
  ])('may have %s', (_what, wire, body) => {
    expect(decode(CHUNKED, [wire])).toEqual({ body, rest: '', isComplete: true, end: 'complete' })
    expect(decode(CHUNKED, [...wire])).toEqual({ body, rest: '', isComplete: true, end: 'complete' })
  })

  it.each([
    ['a size that is no number', 'x\r\nhello\r\n0\r\n\r\n'],
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a signed size', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size with an underscore', '1_0\r\n'],
    ['a size that overflows', 'fffffffffffffffff\r\n'],
    ['a size after space', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a size line that ends without CR', '5\nhello\r\n0\r\n\r\n'],
    ['a size line with a CR inside', '5\r;\r\nhello\r\n0\r\n\r\n'],
    ['an extension with a NUL', '5;\u0000\r\nhello\r\n0\r\n\r\n'],
    ['an extension with a bare line end', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '5\r\nhello!\r\n0\r\n\r\n'],
    ['a chunk shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that ends with LF only', '5\r\nhello\n0\r\n\r\n'],
    ['a last chunk that ends with LF only', '5\r\nhello\r\n0\n\n'],
    ['trailers that end with LF only', '0\r\nx: y\n\r\n'],
    ['an endless size line', `${'0'.repeat(2_000)}`],
    ['an endless extension', `5;${'a'.repeat(2_000)}`],
    ['an endless trailer', `0\r\n${'a'.repeat(2_000)}`],
    ['endless trailers', `0\r\n${`x: ${'y'.repeat(500)}\r\n`.repeat(100)}`],
  ])('may not have %s', (_what, wire) => {
    expect(() => decode(CHUNKED, [wire])).toThrow(FramingError)
    expect(() => decode(CHUNKED, [...wire])).toThrow(FramingError)
  })

  it.each([
    '',
    '5',
    '5\r',
    '5\r\nhel',
    '5\r\nhello',
    '5\r\nhello\r\n',
    '5\r\nhello\r\n0\r\n',
    '0\r\n',
    '0\r\nx: y\r\n',
  ])('is short when it ends after %j', (wire) => {
    expect(decode(CHUNKED, [wire])).toMatchObject({ isComplete: false, end: 'short' })
  })

  it('leaves what comes after it to the next message', () => {
    expect(decode(CHUNKED, ['0\r\n\r\nHTTP/1.1 200 OK'])).toMatchObject({ rest: 'HTTP/1.1 200 OK' })
  })

  it('is what was written, whatever it holds, in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1 })), fc.string(), cuts(), (chunks, rest, places) => {
        const wire = Buffer.concat([...chunks.flatMap(chunkOf), Buffer.from('0\r\n\r\n')])
        const bytes = Buffer.concat([wire, Buffer.from(rest)])
        expect(decode(CHUNKED, inPieces(bytes.toString('latin1'), places))).toEqual({
          body: Buffer.concat(chunks).toString('latin1'),
          rest: Buffer.from(rest).toString('latin1'),
          isComplete: true,
          end: 'complete',
        })
      }),
    )
  })

  it('is judged alike in any pieces, right or wrong', () => {
    const parts = fc.constantFrom('0', '1', '3', 'a', ';x', '\r\n', '\r', '\n', 'abc', 'x: y', '\u0000', ' ')
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), cuts(), (texts, places) => {
        const wire = texts.join('')
        expect(outcomeOf(inPieces(wire, places))).toEqual(outcomeOf([wire]))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('what is handed out', () => {
  it('are views of the bytes that came, not copies', () => {
    const wire = bytesOf('5\r\nhello\r\n')
    const [piece] = createBodyDecoder(CHUNKED).feed(wire).pieces
    expect(piece?.buffer).toBe(wire.buffer)
  })

  it('has no empty pieces', () => {
    for (const framing of [CHUNKED, { kind: 'length', length: 4 }, { kind: 'until-close' }] as const) {
      expect(createBodyDecoder(framing).feed(new Uint8Array(0)).pieces).toEqual([])
    }
  })
})

interface Decoded {
  readonly body: string
  readonly rest: string
  readonly isComplete: boolean
  readonly end: 'complete' | 'short'
}

/** Feeds until the body is complete; everything from there on is rest. */
function decode(framing: Framing, pieces: readonly string[]): Decoded {
  const decoder = createBodyDecoder(framing)
  let body = ''
  let rest = ''
  for (const piece of pieces) {
    const fed = decoder.feed(bytesOf(piece))
    body += fed.pieces.map(textOf).join('')
    rest += textOf(fed.rest)
  }
  const { isComplete } = decoder
  return { body, rest, isComplete, end: decoder.end() }
}

function outcomeOf(pieces: readonly string[]): Decoded | 'wrong' {
  try {
    return decode(CHUNKED, pieces)
  } catch (error) {
    if (error instanceof FramingError) return 'wrong'
    throw error
  }
}

function chunkOf(bytes: Uint8Array): readonly Uint8Array[] {
  return [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]
}

function cuts(): fc.Arbitrary<readonly number[]> {
  return fc.array(fc.nat(), { maxLength: 10 })
}

function inPieces(text: string, places: readonly number[]): readonly string[] {
  const sorted = [0, ...places.map((place) => place % (text.length + 1)), text.length].toSorted(
    (a, b) => a - b,
  )
  return sorted.slice(1).map((end, index) => text.slice(sorted[index], end))
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Writing heads and chunks: no text becomes a header of its own, and every body is read back whole. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createBodyDecoder } from './body.ts'
import { frame, writeFields, writeStatusLine } from './write.ts'

describe('writeFields', () => {
  it('writes fields in their order, each on a line', () => {
    const text = writeFields([
      ['content-type', 'application/json'],
      ['anthropic-beta', 'one'],
      ['anthropic-beta', 'two'],
    ])
    expect(text).toBe('content-type: application/json\r\nanthropic-beta: one\r\nanthropic-beta: two\r\n')
  })

  it('writes nothing for no fields', () => expect(writeFields([])).toBe(''))

  it.each([
    'a\r\nset-cookie: x',
    'a\nb',
    'a\rb',
    'a\u0000b',
    '\u007f',
    'größer als Latin-1: €',
    '\ud83d',
    '\u2028',
  ])('leaves out a field with the value %j', (value) => {
    expect(
      writeFields([
        ['x-before', '1'],
        ['x-bad', value],
        ['x-after', '2'],
      ]),
    ).toBe('x-before: 1\r\nx-after: 2\r\n')
  })

  it('keeps tabs and the letters of Latin-1', () => {
    expect(writeFields([['x', 'a\tb\u00e4\u00ff']])).toBe('x: a\tb\u00e4\u00ff\r\n')
  })

  it('never lets a value become a header of its own', () => {
    fc.assert(
      fc.property(fc.array(texts()), (values) => {
        const written = writeFields(values.map((value, index) => [`x-${index}`, value] as const))
        expect(linesOf(written).every((line) => /^x-\d+: /.test(line))).toBe(true)
        expect(linesOf(written).length).toBeLessThanOrEqual(values.length)
      }),
    )
  })

  it('never lets a name become a header of its own', () => {
    fc.assert(
      fc.property(texts(), (name) => {
        const written = writeFields([[name, 'value']])
        expect(written).toMatch(/^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: value\r\n)?$/)
      }),
    )
  })
})

describe('writeStatusLine', () => {
  it.each([
    [200, 'HTTP/1.1 200 OK\r\n'],
    [429, 'HTTP/1.1 429 Too Many Requests\r\n'],
    [529, 'HTTP/1.1 529 Overloaded\r\n'],
    [299, 'HTTP/1.1 299 Status\r\n'],
  ])('writes %d', (status, line) => {
    expect(writeStatusLine(status)).toBe(line)
  })
})

describe('frame', () => {
  it.each([
    ['a head alone', 'HEAD', '', false, false, 'HEAD'],
    ['a head and a body', 'HEAD', 'body', false, true, 'HEADbody'],
    ['a head and a first chunk', 'HEAD', 'body', true, false, 'HEAD4\r\nbody\r\n'],
    ['a chunk', '', 'body', true, false, '4\r\nbody\r\n'],
    ['a last chunk and the end', '', 'body', true, true, '4\r\nbody\r\n0\r\n\r\n'],
    ['the end alone', '', '', true, true, '0\r\n\r\n'],
    ['nothing, which must not look like the end', '', '', true, false, ''],
  ] as const)('writes %s', (_what, before, body, isChunked, isLast, wire) => {
    expect(textOf(frame(before, Buffer.from(body), isChunked, isLast))).toBe(wire)
  })

  it('writes heads as Latin-1', () => {
    expect(textOf(frame('x: \u00e4\u00ff', new Uint8Array(0), false, true))).toBe('x: \u00e4\u00ff')
  })

  it.each([0, 1, 65_535, 65_536, 65_537, 300_000])('frames %d bytes alike, joined or not', (length) => {
    const body = Buffer.alloc(length, 'x')
    const size = length === 0 ? '' : `${length.toString(16)}\r\n${body.toString()}\r\n`
    expect(textOf(frame('H', body, true, true))).toBe(`H${size}0\r\n\r\n`)
    expect(textOf(frame('H', body, false, true))).toBe(`H${body.toString()}`)
  })

  it('does not copy a large body', () => {
    const body = new Uint8Array(100_000)
    expect(frame('H', body, true, false)).toContain(body)
  })

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (bodies) => {
        const decoder = createBodyDecoder({ kind: 'chunked' })
        const wire = [
          ...bodies.flatMap((body) => frame('', body, true, false)),
          ...frame('', NOTHING, true, true),
        ]
        const pieces = wire.flatMap((bytes) => decoder.feed(bytes).pieces)
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(bodies))
        expect(decoder.isComplete).toBe(true)
      }),
    )
  })
})

const NOTHING = new Uint8Array(0)

/** Texts in which line ends and colons stand often. */
function texts(): fc.Arbitrary<string> {
  const parts = fc.oneof(
    fc.constantFrom('\r\n', '\n', '\r', ': ', 'x', '\u0000', ' '),
    fc.string({ unit: 'binary' }),
  )
  return fc.array(parts, { maxLength: 6 }).map((all) => all.join(''))
}

function linesOf(text: string): readonly string[] {
  return text.split(/\r\n|\r|\n/).filter((line) => line !== '')
}

function textOf(pieces: readonly Uint8Array[]): string {
  return Buffer.concat(pieces).toString('latin1')
}

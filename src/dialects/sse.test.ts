/** The event reader against a literal reading of the HTML standard (§9.2.6), in any pieces. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createEventReader } from './sse.ts'

type Event = readonly [name: string, data: string]

describe('an event', () => {
  it.each<[string, string, readonly Event[]]>([
    ['has a name and data', 'event: a\ndata: x\n\n', [['a', 'x']]],
    ['may do without a name', 'data: x\n\n', [['', 'x']]],
    ['needs data', 'event: a\n\n', []],
    ['needs its empty line', 'event: a\ndata: x\n', []],
    ['has as many lines of data as there are', 'data: x\ndata:y\ndata: \ndata:  z\n\n', [['', 'x\ny\n\n z']]],
    ['loses one space after the colon, no more', 'event:  a\ndata:\tx\n\n', [[' a', '\tx']]],
    ['has the last of two names', 'event: a\nevent: b\ndata: x\n\n', [['b', 'x']]],
    ['may have empty data', 'event: a\ndata:\n\n', [['a', '']]],
    [
      'does not lend its name to the next',
      'event: a\ndata: x\n\ndata: y\n\n',
      [
        ['a', 'x'],
        ['', 'y'],
      ],
    ],
    ['without data does not lend its name either', 'event: a\n\ndata: y\n\n', [['', 'y']]],
    ['may be named after its data', 'data: x\nevent: a\n\n', [['a', 'x']]],
    ['ignores comments', ': c\nevent: a\n:\ndata: x\n: data: z\n\n', [['a', 'x']]],
    ['ignores other fields', 'id: 1\nretry: 5\nfoo: b\ndatum: q\ndata : z\ndata: x\n\n', [['', 'x']]],
    ['may end its lines with CR', 'event: a\rdata: x\r\r', [['a', 'x']]],
    ['may end its lines with CRLF', 'event: a\r\ndata: x\r\n\r\n', [['a', 'x']]],
    ['may mix line ends', 'event: a\r\ndata: x\rdata: y\n\r\n', [['a', 'x\ny']]],
    ['may come after a byte order mark', '\ufeffevent: a\ndata: x\n\n', [['a', 'x']]],
    ['carries any letters', 'event: ü\ndata: 😀\n\n', [['ü', '😀']]],
    ['keeps a byte order mark in its data', 'data: \ufeffx\n\n', [['', '\ufeffx']]],
    ['knows a byte order mark at the very beginning only', 'data: x\n\ufeffdata: y\n\n', [['', 'x']]],
    [
      'takes a bare field name for a field without a value',
      'event: a\nevent\ndata\ndata: x\n\n',
      [['', '\nx']],
    ],
  ])('%s', (_what, stream, events) => {
    expect(read([bytesOf(stream)])).toEqual([...events])
  })

  it('is the same in any pieces, and what the standard says', () => {
    fc.assert(
      fc.property(streams(), fc.array(fc.nat()), (stream, cuts) => {
        expect(read(inPieces(bytesOf(stream), cuts))).toEqual([...byTheStandard(stream)])
      }),
      { numRuns: 1_000 },
    )
  })

  it('is the same byte by byte', () => {
    const stream = '\ufeffevent: a\r\ndata: ä😀\r\n\r\n: c\r\rdata: 1\ndata: 2\n\nevent: b\rdata: 3\r\r'
    const bytes = bytesOf(stream)
    expect(read(Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)))).toEqual([
      ...byTheStandard(stream),
    ])
  })

  it('never makes the reader throw, whatever the bytes', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array()), (pieces) => void read(pieces)))
  })
})

describe('the listener', () => {
  it('is asked at the first data line of each event, by its name', () => {
    const asked: string[] = []
    const reader = createEventReader({ wants: (name) => asked.push(name) > 0, on: () => {} })
    reader.see(bytesOf('event: a\ndata: 1\ndata: 2\n\ndata: 3\n\nevent: c\n\n'))
    expect(asked).toEqual(['a', ''])
  })

  it('hears of an event that it does not want, without its data', () => {
    const events: Event[] = []
    const on = (name: string, data: string) => void events.push([name, data])
    createEventReader({ wants: (name) => name === 'a', on }).see(
      bytesOf('event: a\ndata: 1\n\nevent: b\ndata: 2\n\nevent: a\ndata: 3\n\n'),
    )
    expect(events).toEqual([
      ['a', '1'],
      ['b', ''],
      ['a', '3'],
    ])
  })

  it('hears the right name even when the memory of earlier bytes is used again', () => {
    const events: Event[] = []
    const reader = createEventReader({
      wants: () => true,
      on: (name, data) => void events.push([name, data]),
    })
    const memory = Buffer.from('event: a\ndata: 1\n\n')
    reader.see(memory)
    memory.write('event: b\ndata: 2\n\n')
    reader.see(memory)
    expect(events).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })
})

describe('an event that outgrows the limit', () => {
  const MEGABYTE = 1 << 20

  it('loses its data; those before and after it lose nothing', () => {
    const { reader, events } = reading()
    reader.see(bytesOf('event: a\ndata: 1\n\n'))
    reader.see(bytesOf(`event: b\ndata: ${'x'.repeat(MEGABYTE)}\n\n`))
    expect(reader.hasLost).toBe(true)
    reader.see(bytesOf('event: a\ndata: 2\n\n'))
    expect(events).toEqual([
      ['a', '1'],
      ['b', ''],
      ['a', '2'],
    ])
  })

  it.each<[string, (text: string) => readonly string[]]>([
    ['in one line', (text) => [`data: ${text}\n\n`]],
    ['in many pieces', (text) => [...piecesOf(`data: ${text}`, 1_000), '\n\n']],
    ['in many lines', (text) => [...piecesOf(text, 1_000).map((piece) => `data: ${piece}\n`), '\n']],
  ])('does so %s', (_how, write) => {
    const { reader, events } = reading()
    for (const piece of write('x'.repeat(MEGABYTE + 1_000))) reader.see(bytesOf(piece))
    expect(reader.hasLost).toBe(true)
    expect(events).toEqual([['', '']])
  })

  it('is given up before its line has ended', () => {
    const { reader, events } = reading()
    reader.see(bytesOf('data: '))
    const piece = bytesOf('x'.repeat(1_000))
    for (let count = 0; count <= MEGABYTE / 1_000; count++) reader.see(piece)
    expect(reader.hasLost).toBe(true)
    expect(events).toEqual([])
  })

  it.each([1, 10, 1_000])('is judged alike in one piece and in %d pieces', (count) => {
    const { reader, events } = reading()
    const text = `event: a\ndata: ${'x'.repeat(700_000)}\n\n`
    for (const piece of piecesOf(text, Math.ceil(text.length / count))) reader.see(bytesOf(piece))
    expect(reader.hasLost).toBe(false)
    expect(events).toHaveLength(1)
    expect(events[0]?.[1]).toHaveLength(700_000)
  })

  it.each([1, 10, 1_000])('matters only where its data are kept, in %d pieces too', (count) => {
    const events: Event[] = []
    const reader = createEventReader({
      wants: (name) => name === 'a',
      on: (name, data) => void events.push([name, data]),
    })
    const text = `event: b\n${`data: ${'x'.repeat(MEGABYTE / 4)}\n`.repeat(8)}\nevent: a\ndata: 1\n\n`
    for (const piece of piecesOf(text, Math.ceil(text.length / count))) reader.see(bytesOf(piece))
    expect(reader.hasLost).toBe(false)
    expect(events).toEqual([
      ['b', ''],
      ['a', '1'],
    ])
  })

  it.each(['data: ', ': ', 'id: '])('is not one that has a long line beginning with "%s" unread', (start) => {
    const events: Event[] = []
    const on = (name: string, data: string) => void events.push([name, data])
    const reader = createEventReader({ wants: (name) => name === 'a', on })
    const text = `event: b\n${start}${'x'.repeat(2 * MEGABYTE)}\n\nevent: a\ndata: 1\n\n`
    for (const piece of [...text.slice(0, 40), ...piecesOf(text.slice(40), 10_000)])
      reader.see(bytesOf(piece))
    expect(reader.hasLost).toBe(false)
    expect(events.at(-1)).toEqual(['a', '1'])
  })

  it('is one event: many small ones may be as long together as they like', () => {
    const { reader, events } = reading()
    const event = bytesOf(`event: a\ndata: ${'x'.repeat(10_000)}\n\n`)
    for (let count = 0; count < 300; count++) {
      reader.see(event.subarray(0, 5_000))
      reader.see(event.subarray(5_000))
    }
    expect(reader.hasLost).toBe(false)
    expect(events).toHaveLength(300)
  })
})

function read(pieces: readonly Uint8Array[]): readonly Event[] {
  const { reader, events } = reading()
  for (const piece of pieces) reader.see(piece)
  return events
}

function reading() {
  const events: Event[] = []
  const reader = createEventReader({ wants: () => true, on: (name, data) => void events.push([name, data]) })
  return { reader, events }
}

/** The standard's algorithm, line by line, on the whole text; only the name "message" for the nameless is left out. */
function byTheStandard(stream: string): readonly Event[] {
  const events: Event[] = []
  let name = ''
  let data: string[] = []
  const lines = stream.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) events.push([name, data.join('\n')])
      name = ''
      data = []
      continue
    }
    const [, field = line, value = ''] = /^([^:]*): ?(.*)$/s.exec(line) ?? []
    if (field === 'event') name = value
    if (field === 'data') data.push(value)
  }
  return events
}

/** Lines that mean something to a reader, and some that only look so. */
function streams(): fc.Arbitrary<string> {
  const words = fc.oneof(
    fc.constantFrom('', 'a', ' a', 'message_start', 'é', '😀', ':', '\ufeff'),
    fc.string(),
  )
  const fields = fc.constantFrom(
    'event:',
    'event: ',
    'data:',
    'data: ',
    'id: ',
    ':',
    'dat: ',
    'DATA: ',
    ' data: ',
    '\ufeffdata: ',
  )
  const lines = fc.oneof(
    fc.tuple(fields, words).map(([field, word]) => `${field}${word.replace(/[\r\n]/g, '')}`),
    fc.constantFrom('', '', 'event', 'data'),
  )
  const ends = fc.constantFrom('\n', '\r', '\r\n')
  return fc
    .tuple(fc.constantFrom('', '\ufeff'), fc.array(fc.tuple(lines, ends), { maxLength: 20 }), lines)
    .map(([mark, all, last]) => `${mark}${all.map(([line, end]) => `${line}${end}`).join('')}${last}`)
}

function inPieces(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

function piecesOf(text: string, length: number): readonly string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, index) =>
    text.slice(index * length, (index + 1) * length),
  )
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Heads, strictly (RFC 9112): every shape by which requests are smuggled is refused. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Headers } from '../core/headers.ts'
import { type Framing, HeadError, parseRequestHead, parseResponseHead } from './head.ts'
import { writeFields } from './write.ts'

describe('a request', () => {
  it('is read as it stands, names in lower case, repeated fields apart', () => {
    const text = lines(
      'POST /v1/messages?beta=true HTTP/1.1',
      'Host: localhost:8080',
      'Anthropic-Beta: one',
      'anthropic-beta:two ',
      'X-Empty:',
      'Content-Length: 12',
    )
    expect(parseRequestHead(text)).toEqual({
      method: 'POST',
      target: '/v1/messages?beta=true',
      headers: [
        ['host', 'localhost:8080'],
        ['anthropic-beta', 'one'],
        ['anthropic-beta', 'two'],
        ['x-empty', ''],
        ['content-length', '12'],
      ],
      framing: { kind: 'length', length: 12 },
      isLast: false,
      expectsContinue: false,
    })
  })

  it.each<[string, readonly string[], Framing]>([
    ['none', [], { kind: 'none' }],
    ['a length of zero', ['Content-Length: 0'], { kind: 'none' }],
    ['a length', ['content-length:\t7 '], { kind: 'length', length: 7 }],
    ['chunks', ['Transfer-Encoding: chunked'], { kind: 'chunked' }],
    ['chunks in other letters', ['transfer-encoding: Chunked'], { kind: 'chunked' }],
  ])('has a body: %s', (_what, fields, framing) => {
    expect(request(...fields).framing).toEqual(framing)
  })

  it.each([
    ['Connection: close', true],
    ['Connection: Close', true],
    ['Connection: keep-alive, close', true],
    ['Connection: keep-alive', false],
    ['Connection: closed', false],
    ['X: close', false],
  ])('with "%s" is its connection’s last: %p', (field, expected) => {
    expect(request(field).isLast).toBe(expected)
  })

  it('may wait for 100 Continue', () => {
    expect(request('Expect: 100-Continue').expectsContinue).toBe(true)
    expect(request('Expect: 200-ok').expectsContinue).toBe(false)
  })

  it('keeps bytes above ASCII as they are, at the end of a value too', () => {
    const value = Buffer.from('voilà').toString('latin1')
    expect(request(`X-Title: ${value}`).headers).toContainEqual(['x-title', value])
  })
})

describe('a request line', () => {
  it.each([
    ['HTTP/1.0', 'GET / HTTP/1.0', 505],
    ['HTTP/0.9', 'GET /', 400],
    ['HTTP/2', 'GET / HTTP/2', 505],
    ['a future version', 'GET / HTTP/1.2', 505],
    ['a version in small letters', 'GET / http/1.1', 400],
    ['an absolute form', 'GET http://evil.com/ HTTP/1.1', 400],
    ['an authority form', 'CONNECT evil.com:443 HTTP/1.1', 400],
    ['an asterisk', 'OPTIONS * HTTP/1.1', 400],
    ['a fragment', 'GET /#x HTTP/1.1', 400],
    ['no target', 'GET  HTTP/1.1', 400],
    ['a target with a space', 'GET /a b HTTP/1.1', 400],
    ['a target with a tab', 'GET /a\tb HTTP/1.1', 400],
    ['a target with a letter beyond ASCII', 'GET /ä HTTP/1.1', 400],
    ['a target with a NUL', 'GET /\u0000 HTTP/1.1', 400],
    ['a method in small letters', 'get / HTTP/1.1', 400],
    ['a method with a strange sign', 'GE(T / HTTP/1.1', 400],
    ['an endless method', `${'A'.repeat(40)} / HTTP/1.1`, 400],
    ['a space before it', ' GET / HTTP/1.1', 400],
    ['a space after it', 'GET / HTTP/1.1 ', 400],
    ['two spaces', 'GET  / HTTP/1.1', 400],
    ['a tab', 'GET\t/\tHTTP/1.1', 400],
    ['nothing', '', 400],
    ['another protocol', 'SSH-2.0-OpenSSH_9.9', 400],
  ])('with %s is refused', (_what, line, status) => {
    expect(refusal(() => parseRequestHead(lines(line, 'Host: x')))).toBe(status)
  })

  it('that ends with a bare LF is refused, and what follows is no header', () => {
    expect(refusal(() => parseRequestHead('GET / HTTP/1.1\nHost: x'))).toBeGreaterThanOrEqual(400)
  })
})

describe('a request’s fields', () => {
  it.each<[string, readonly string[], number]>([
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], 400],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 5'], 400],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6'], 400],
    ['the same length twice', ['Content-Length: 5', 'Content-Length: 5'], 400],
    ['a list of lengths', ['Content-Length: 5, 5'], 400],
    ['two transfer encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], 400],
    ['a list of transfer encodings', ['Transfer-Encoding: gzip, chunked'], 501],
    ['an unknown transfer encoding', ['Transfer-Encoding: xchunked'], 501],
    ['identity', ['Transfer-Encoding: identity'], 501],
    ['an empty transfer encoding', ['Transfer-Encoding:'], 501],
    ['a vertical tab before chunked', ['Transfer-Encoding: \u000bchunked'], 400],
    ['a form feed after chunked', ['Transfer-Encoding: chunked\u000c'], 400],
    ['a no-break space before a length', ['Content-Length: \u00a05'], 400],
    ['a signed length', ['Content-Length: +5'], 400],
    ['a negative length', ['Content-Length: -5'], 400],
    ['a hexadecimal length', ['Content-Length: 0x5'], 400],
    ['a length with a point', ['Content-Length: 5.0'], 400],
    ['an empty length', ['Content-Length:'], 400],
    ['a length beyond counting', ['Content-Length: 99999999999999999999'], 400],
    ['space before a colon', ['Content-Length : 5'], 400],
    ['a tab before a colon', ['Transfer-Encoding\t: chunked'], 400],
    ['a folded line', ['X-A: 1', ' 2'], 400],
    ['a folded line that looks like a field', ['X-A: 1', ' Content-Length: 5'], 400],
    ['a folded line with a tab', ['X-A: 1', '\tX-B: 2'], 400],
    ['no colon', ['X-A'], 400],
    ['no name', [': x'], 400],
    ['a name with a space', ['X A: x'], 400],
    ['a name with a letter beyond ASCII', ['X-\u00e4: x'], 400],
    ['a name with a NUL', ['X\u0000: x'], 400],
    ['a bare LF in a value', ['X-A: 1\nX-B: 2'], 400],
    ['a bare LF at the end of a value', ['X-A: 1\n'], 400],
    ['a bare LF at the beginning of a value', ['X-A:\nX-B: 2'], 400],
    ['a bare LF at the end of a length', ['Content-Length: 5\n'], 400],
    ['a bare CR in a value', ['X-A: 1\rX-B: 2'], 400],
    ['a bare CR at the end of a value', ['X-A: 1\r'], 400],
    ['a NUL in a value', ['X-A: 1\u00002'], 400],
    ['a delete sign in a value', ['X-A: \u007f'], 400],
    ['an escape sign in a value', ['X-A: \u001b[2J'], 400],
    ['two Hosts', ['Host: y'], 400],
    ['more than 200 fields', Array.from({ length: 200 }, (_, index) => `X-${index}: 1`), 431],
  ])('with %s are refused', (_what, fields, status) => {
    expect(refusal(() => request(...fields))).toBe(status)
  })

  it('must name a Host', () => {
    expect(refusal(() => parseRequestHead(lines('GET / HTTP/1.1', 'X: y')))).toBe(400)
    expect(refusal(() => parseRequestHead('GET / HTTP/1.1'))).toBe(400)
  })

  it('may be 200', () => {
    expect(request(...Array.from({ length: 199 }, (_, index) => `X-${index}: 1`)).headers).toHaveLength(200)
  })

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names(), values()), { maxLength: 20 }), (fields) => {
        const written = writeFields([['host', 'x'], ...fields]).slice(0, -2)
        expect(parseRequestHead(`GET / HTTP/1.1\r\n${written}`).headers).toEqual([['host', 'x'], ...fields])
      }),
    )
  })

  it('give a head or a HeadError, whatever the text', () => {
    const bytes = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    })
    const texts = fc.array(fc.oneof(bytes, fc.constantFrom('GET / HTTP/1.1', 'Host: x', 'Content-Length: 5')))
    fc.assert(
      fc.property(texts, (all) => {
        refusal(() => parseRequestHead(all.join('\r\n')))
        refusal(() => parseResponseHead(all.join('\r\n'), 'POST'))
      }),
    )
  })
})

describe('an answer', () => {
  it('is read as it stands', () => {
    const text = lines('HTTP/1.1 429 Too Many Requests', 'Retry-After: 30', 'Content-Length: 2')
    expect(parseResponseHead(text, 'POST')).toEqual({
      status: 429,
      headers: [
        ['retry-after', '30'],
        ['content-length', '2'],
      ],
      framing: { kind: 'length', length: 2 },
      isLast: false,
    })
  })

  it.each(['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 D\u00e9j\u00e0 vu'])(
    'may begin with "%s"',
    (line) => {
      expect(parseResponseHead(line, 'GET').status).toBe(200)
    },
  )

  it.each([
    '',
    'HTTP/1.1',
    'HTTP/1.1 20',
    'HTTP/1.1 2000',
    'HTTP/1.1 600',
    'HTTP/1.1 099',
    'HTTP/1.1  200',
    'HTTP/1.1\t200',
    'HTTP/2 200',
    'http/1.1 200',
    'ICY 200 OK',
    ' HTTP/1.1 200',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 a\nb',
    '\u0016\u0003\u0001',
  ])('may not begin with %j', (line) => {
    expect(refusal(() => parseResponseHead(line, 'GET'))).toBe(502)
  })

  it.each<[string, string, readonly string[], Framing]>([
    ['a length', 'HTTP/1.1 200 OK', ['Content-Length: 7'], { kind: 'length', length: 7 }],
    ['a length of zero', 'HTTP/1.1 200 OK', ['Content-Length: 0'], { kind: 'length', length: 0 }],
    ['chunks', 'HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], { kind: 'chunked' }],
    ['neither, so the connection’s end', 'HTTP/1.1 200 OK', [], { kind: 'until-close' }],
    ['none for 204', 'HTTP/1.1 204 No Content', [], { kind: 'none' }],
    [
      'none for 304, which may tell a length',
      'HTTP/1.1 304 Not Modified',
      ['Content-Length: 7'],
      { kind: 'none' },
    ],
    ['none for 103', 'HTTP/1.1 103 Early Hints', [], { kind: 'none' }],
  ])('has a body: %s', (_what, line, fields, framing) => {
    expect(parseResponseHead(lines(line, ...fields), 'POST').framing).toEqual(framing)
  })

  it('has no body when it answers a HEAD', () => {
    const text = lines('HTTP/1.1 200 OK', 'Content-Length: 7')
    expect(parseResponseHead(text, 'HEAD').framing).toEqual({ kind: 'none' })
  })

  it.each<[string, readonly string[]]>([
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 5']],
    ['a length that is no number', ['Content-Length: five']],
    ['an unknown transfer encoding', ['Transfer-Encoding: gzip']],
    ['a vertical tab before chunked', ['Transfer-Encoding: \u000bchunked']],
    ['a folded line', ['X-A: 1', ' 2']],
    ['a bare CR', ['X-A: 1\r2']],
    ['a NUL', ['X-A: \u0000']],
    ['a space before a colon', ['X-A : 1']],
  ])('may not have %s', (_what, fields) => {
    expect(refusal(() => parseResponseHead(lines('HTTP/1.1 200 OK', ...fields), 'POST'))).toBeGreaterThan(0)
  })

  it.each([
    ['HTTP/1.1 200 OK', ['Content-Length: 1'], false],
    ['HTTP/1.1 200 OK', ['Content-Length: 1', 'Connection: close'], true],
    ['HTTP/1.1 200 OK', [], true],
    ['HTTP/1.0 200 OK', ['Content-Length: 1'], true],
    ['HTTP/1.0 200 OK', ['Content-Length: 1', 'Connection: keep-alive'], false],
  ] as const)('as %s with %j is its connection’s last: %p', (line, fields, expected) => {
    expect(parseResponseHead(lines(line, ...fields), 'POST').isLast).toBe(expected)
  })

  it('in HTTP/1.0 with chunks, which that version does not have, is its connection’s last', () => {
    const text = lines('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked', 'Connection: keep-alive')
    expect(parseResponseHead(text, 'POST').isLast).toBe(true)
  })
})

function request(...fields: readonly string[]) {
  return parseRequestHead(lines('POST / HTTP/1.1', 'Host: x', ...fields))
}

function lines(...all: readonly string[]): string {
  return all.join('\r\n')
}

/** The status of the refusal; undefined if there was none. */
function refusal(parse: () => unknown): number | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof HeadError) return error.status
    throw error
  }
}

function names(): fc.Arbitrary<string> {
  const framing = ['host', 'content-length', 'transfer-encoding']
  return fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).filter((name) => !framing.includes(name))
}

/** Any bytes that a value may hold, without space around them; some that only look like space. */
function values(): fc.Arbitrary<Headers[number][1]> {
  const signs = fc.oneof(
    fc.constantFrom(' ', '\t', ':', '\u0085', '\u00a0', '\u00ff'),
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  )
  return fc.array(signs).map((all) => all.join('').replace(/^[\t ]+|[\t ]+$/g, ''))
}

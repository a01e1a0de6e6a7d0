/** What is blotted out before it is kept, and that every other byte stays what it was. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Headers } from './headers.ts'
import { type RedactionRule, redactPart, redactTarget, rulesFor } from './redaction.ts'

const SECRET = 'CANARY-secret/of+an account'

const redact = (body: string | Uint8Array, { headers = [], own = [], secrets = [SECRET] }: Options = {}) => {
  const bytes = Buffer.from(body)
  const redacted = redactPart({ headers, body: bytes }, rulesFor(secrets, own))
  return { ...redacted, bytes, text: bytes.toString() }
}

interface Options {
  readonly headers?: Headers
  readonly own?: readonly RedactionRule[]
  readonly secrets?: readonly string[]
}

const everyMatchOf = (pattern: RegExp): RedactionRule => ({
  name: pattern.source,
  find: (text) =>
    [...text.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length] as const),
})

describe('a body', () => {
  it.each([
    ['a provider’s key', 'sk-ant-api03-abcdefgh_1234', 'key of a provider'],
    ['a key of OpenAI’s kind', 'sk-abcdefghijklmnopqrstuv', 'key of a provider'],
    ['a client’s key', 'spk_abcdefgh12345678', 'key of a provider'],
    ['the admin’s token', 'spa_abcdefgh12345678', 'key of a provider'],
    ['a GitHub token', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'GitHub token'],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', 'AWS access key'],
    ['a key of Google', `AIza${'b'.repeat(35)}`, 'Google API key'],
    ['a token of Slack', 'xoxb-1234567890-abcdef', 'Slack token'],
    ['a JSON web token', 'eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln', 'JSON web token'],
    ['the request’s own credential', SECRET, 'credential of this request'],
    ['a credential as JSON may write it', SECRET.replaceAll('/', '\\/'), 'credential of this request'],
    ['a credential in an address', encodeURIComponent(SECRET), 'credential of this request'],
  ])('loses %s', (_what, secret, rule) => {
    const { text, marks, redactions } = redact(`{"text":"use ${secret} please"}`)
    expect(text).toBe(`{"text":"use ${'*'.repeat(secret.length)} please"}`)
    expect(marks).toEqual([{ rule, at: 13, length: secret.length }])
    expect(redactions).toEqual([{ rule, count: 1 }])
  })

  it('loses a private key, as a file or within JSON', () => {
    const key = '-----BEGIN RSA PRIVATE KEY-----\\nMIIEow\\n'
    expect(redact(`{"a":"${key}-----END RSA PRIVATE KEY-----"}`).text).not.toContain('MIIE')
    expect(redact(key.replaceAll('\\n', '\n')).text).not.toContain('MIIE')
  })

  it('keeps what only looks a little like that', () => {
    const harmless = '{"a":"sk-short task-list spk_1 eyJ.no AKIA task-force-sk-x bearer of news"}'
    expect(redact(harmless, { secrets: ['short', ''] })).toMatchObject({ text: harmless, marks: [] })
  })

  it('loses what the operator names, wherever it stands among letters of more than a byte', () => {
    const own = [everyMatchOf(/Müller|[\w.]+@[\w.]+/g)]
    const text = '„Grüße“ an Müller 😀 und x.y@z.example — 中文 Müller'
    const { bytes, marks, text: shown } = redact(text, { own })
    expect(shown).toBe('„Grüße“ an ******* 😀 und ************* — 中文 *******')
    expect(bytes.length).toBe(Buffer.byteLength(text))
    expect(marks).toHaveLength(3)
  })

  it('counts what overlaps once', () => {
    const own = [everyMatchOf(/ab+/g), everyMatchOf(/bbc/g)]
    expect(redact('xabbcx', { own })).toMatchObject({ text: 'x****x', marks: [{ at: 1, length: 4 }] })
  })

  it('that is binary loses a credential and nothing else', () => {
    const before = Buffer.from([0, 255, 254, 128, 7])
    const { bytes } = redact(Buffer.concat([before, Buffer.from(SECRET), before]))
    expect(bytes.equals(Buffer.concat([before, Buffer.alloc(SECRET.length, '*'), before]))).toBe(true)
  })

  it('is otherwise what it was, byte for byte', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.constant(Buffer.from(SECRET)),
      fc.constant(Buffer.from(' sk-ant-api03-abcdefgh1234')),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const body = Buffer.concat(pieces)
        const { bytes, marks } = redact(body)
        expect(bytes.length).toBe(body.length)
        const isMarked = (index: number) => marks.some(({ at, length }) => index >= at && index < at + length)
        for (const [index, byte] of bytes.entries())
          expect(byte).toBe(isMarked(index) ? 0x2a : (body[index] ?? -1))
        expect(bytes.toString('latin1')).not.toContain(SECRET)
        expect(bytes.toString('latin1')).not.toContain('sk-ant-api03-abcdefgh1234')
      }),
    )
  })

  it('lists a thousand places, blots out and counts all', () => {
    const { text, marks, redactions } = redact(`${SECRET} `.repeat(1_500))
    expect(text).not.toContain('CANARY')
    expect(marks).toHaveLength(1_000)
    expect(redactions).toEqual([{ rule: 'credential of this request', count: 1_500 }])
  })
})

describe('a stream that tells a secret in pieces', () => {
  const headers: Headers = [['content-type', 'text/event-stream; charset=utf-8']]
  const delta = (text: string) =>
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":${JSON.stringify(text)}}}\n\n`

  it('loses each piece of it', () => {
    const pieces = ['The key is sk-a', 'nt-api', '03-abcdef', 'gh1234.', ' Keep it.']
    const { text, marks } = redact(pieces.map(delta).join(''), { headers })
    const shown = ['The key is ****', '******', '*********', '******.', ' Keep it.']
    expect(text).toBe(shown.map(delta).join(''))
    expect(marks).toHaveLength(4)
  })

  it('is found by whatever the pieces are', () => {
    const whole = `he said "${SECRET.replaceAll(' ', '_')}" \\ and \n left`
    const secret = SECRET.replaceAll(' ', '_')
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 10 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
        const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end))
        const { text } = redact(pieces.map(delta).join(''), { headers, secrets: [secret] })
        const told = [...text.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(([, piece = '""']) =>
          String(JSON.parse(piece)),
        )
        expect(told.join('')).toBe(whole.replace(secret, '*'.repeat(secret.length)))
      }),
    )
  })

  it('is not looked for in what is no stream', () => {
    expect(redact(`${delta('sk-a')}${delta('nt-api03-abcdefgh')}`).marks).toEqual([])
  })

  it('that breaks off within a piece is read as far as it goes', () => {
    const { text } = redact(`${delta('sk-ant-')}data: {"text":"api03-abcdefgh`, { headers })
    expect(text).not.toContain('abcdefgh')
  })
})

describe('headers', () => {
  it.each([
    'authorization',
    'proxy-authorization',
    'x-api-key',
    'api-key',
    'cookie',
    'set-cookie',
    'x-goog-api-key',
    'x-amz-security-token',
    'x-client-secret',
  ])('of the name %s lose their value whole', (name) => {
    const { headers, redactions } = redact('', { headers: [[name, 'anything at all']] })
    expect(headers).toEqual([[name, '[redacted]']])
    expect(redactions).toEqual([{ rule: 'credential header', count: 1 }])
  })

  it('of other names stay as they are, in their order, but for what the rules find', () => {
    const given: Headers = [
      ['anthropic-ratelimit-tokens-remaining', '5'],
      ['x-note', `say ${SECRET}.`],
      ['x-note', 'again'],
    ]
    const { headers } = redact('', { headers: given })
    expect(headers).toEqual([
      ['anthropic-ratelimit-tokens-remaining', '5'],
      ['x-note', `say ${'*'.repeat(SECRET.length)}.`],
      ['x-note', 'again'],
    ])
  })
})

describe('a path with its query', () => {
  it('loses parameters that say they are secret, and what the rules find', () => {
    const target = '/v1/files?beta=true&api_key=abc&x=sk-ant-api03-abcdefgh&access_token=1&limit=5'
    expect(redactTarget(target, rulesFor([], []))).toBe(
      `/v1/files?beta=true&api_key=[redacted]&x=${'*'.repeat(21)}&access_token=[redacted]&limit=5`,
    )
  })
})

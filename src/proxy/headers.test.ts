/** The header rules of G1 and G5, both ways: what stays, what goes, and what never leaves the house. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Header, Headers } from '../core/headers.ts'
import { toClientHeaders, toUpstreamHeaders } from './headers.ts'

const KEY: Headers = [['x-api-key', 'account-key']]

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
]

describe('upstream', () => {
  it('goes what the client sent, in its order, repeated fields apart', () => {
    const sent: Headers = [
      ['accept', 'application/json'],
      ['anthropic-version', '2023-06-01'],
      ['anthropic-beta', 'one'],
      ['x-stainless-retry-count', '0'],
      ['anthropic-beta', 'two'],
      ['user-agent', 'claude-cli/2.1.290 (external, cli)'],
      ['x-claude-code-session-id', 's1'],
      ['x-custom', 'ä'],
    ]
    expect(toUpstreamHeaders(sent, sender(KEY))).toEqual([...sent, ['accept-encoding', 'identity'], ...KEY])
  })

  it.each([
    ...HOP_BY_HOP,
    'expect',
    'http2-settings',
    'host',
    'authorization',
    'x-api-key',
    'api-key',
    'cookie',
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-real-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'accept-encoding',
    'origin',
    'referer',
    'sec-fetch-site',
    'sec-ch-ua',
    'x-spillway-request-id',
    'x-spillway-anything',
  ])('never goes the client’s %s', (name) => {
    expect(upstream([name, 'CANARY'], ['x-app', 'cli'])).toEqual([['x-app', 'cli']])
  })

  it('goes one credential, the account’s, whatever the client brought (G5)', () => {
    const brought: Headers = [
      ['authorization', 'Bearer CANARY'],
      ['x-api-key', 'CANARY'],
      ['authorization', 'Basic CANARY'],
      ['proxy-authorization', 'CANARY'],
      ['cookie', 'session=CANARY'],
    ]
    expect(toUpstreamHeaders(brought, sender(KEY))).toEqual([['accept-encoding', 'identity'], ...KEY])
  })

  it('goes nothing that Connection names, however it is written', () => {
    const sent: Headers = [
      ['x-secret', '1'],
      ['connection', 'Keep-Alive , X-Secret'],
      ['x-app', 'cli'],
      ['connection', 'x-other'],
      ['x-other', '2'],
    ]
    expect(upstream(...sent)).toEqual([['x-app', 'cli']])
  })

  it('goes the account’s credential even where Connection names it', () => {
    expect(toUpstreamHeaders([['connection', 'x-api-key']], sender(KEY))).toEqual([
      ['accept-encoding', 'identity'],
      ...KEY,
    ])
  })

  it.each<[string, Headers, Headers]>([
    ['beside none of the client’s', [], [['anthropic-beta', 'oauth']]],
    ['at the end of the client’s', [['anthropic-beta', 'a, b']], [['anthropic-beta', 'a, b,oauth']]],
    [
      'at the end of the last of several lists',
      [
        ['anthropic-beta', 'a'],
        ['anthropic-beta', 'b'],
      ],
      [
        ['anthropic-beta', 'a'],
        ['anthropic-beta', 'b,oauth'],
      ],
    ],
    [
      'once, where the client names it too',
      [['anthropic-beta', 'x, oauth']],
      [['anthropic-beta', 'x, oauth']],
    ],
  ])('goes the beta that the account needs, %s', (_where, sent, expected) => {
    expect(toUpstreamHeaders(sent, sender([], { betas: ['oauth'] })).slice(0, -1)).toEqual([...expected])
  })

  it('goes what the operator adds for the account, in the place of the client’s own', () => {
    const sent: Headers = [
      ['x-title', 'the client'],
      ['accept', '*/*'],
    ]
    const added: Headers = [['x-title', 'the operator']]
    expect(toUpstreamHeaders(sent, sender(KEY, { added }))).toEqual([
      ['accept', '*/*'],
      ['accept-encoding', 'identity'],
      ...added,
      ...KEY,
    ])
  })

  it('goes a request for bytes that can be read', () => {
    expect(toUpstreamHeaders([['accept-encoding', 'br, zstd']], sender([]))).toEqual([
      ['accept-encoding', 'identity'],
    ])
  })
})

describe('to the client', () => {
  it('goes what the upstream sent, in its order, and ours behind it', () => {
    const sent: Headers = [
      ['content-type', 'text/event-stream'],
      ['request-id', 'req_1'],
      ['x-a', '1'],
      ['x-a', '2'],
      ['anthropic-organization-id', 'org'],
      ['retry-after', '5'],
      ['content-encoding', 'gzip'],
      ['x-should-retry', 'true'],
    ]
    const own: Headers = [['x-spillway-account', 'work']]
    expect(toClientHeaders(sent, own, true)).toEqual([...sent, ...own])
  })

  it.each([...HOP_BY_HOP, 'set-cookie', 'alt-svc', 'strict-transport-security', 'x-spillway-account'])(
    'never goes the upstream’s %s',
    (name) => {
      expect(
        toClientHeaders(
          [
            [name, 'x'],
            ['x-app', 'cli'],
          ],
          [],
          true,
        ),
      ).toEqual([['x-app', 'cli']])
    },
  )

  it('goes nothing that Connection names', () => {
    expect(
      toClientHeaders(
        [
          ['connection', 'close, X-Trace'],
          ['x-trace', '1'],
        ],
        [],
        true,
      ),
    ).toEqual([])
  })

  it('go an account’s limits only where they are the client’s own', () => {
    const limits: Headers = [
      ['anthropic-ratelimit-unified-status', 'allowed'],
      ['anthropic-ratelimit-requests-remaining', '5'],
      ['anthropic-organization-id', 'an organization'],
    ]
    expect(toClientHeaders(limits, [], true)).toEqual(limits)
    expect(toClientHeaders(limits, [], false)).toEqual([])
  })

  it('goes retry-after also where the limits do not', () => {
    expect(toClientHeaders([['retry-after', '5']], [], false)).toEqual([['retry-after', '5']])
  })
})

describe('in either direction', () => {
  const names = fc.oneof(
    fc.constantFrom(...HOP_BY_HOP, 'x-spillway-x', 'authorization', 'host', 'x-a', 'x-b'),
    fc.stringMatching(/^[a-z][a-z-]{0,12}$/),
  )
  const headers = fc.array(fc.tuple(names, fc.constantFrom('1', 'x-a', 'close, x-b', '')))

  it('nothing is changed or moved: what arrives is some of what was sent, in its order', () => {
    fc.assert(
      fc.property(headers, (sent) => {
        for (const arrived of [upstream(...sent), toClientHeaders(sent, [], true)]) {
          const left: Header[] = [...sent]
          for (const header of arrived) {
            const at = left.indexOf(header)
            expect(at).toBeGreaterThanOrEqual(0)
            left.splice(0, at + 1)
          }
        }
      }),
    )
  })

  it('no field of a connection gets through, and none of ours', () => {
    fc.assert(
      fc.property(headers, (sent) => {
        for (const [name] of [...upstream(...sent), ...toClientHeaders(sent, [], true)]) {
          expect(HOP_BY_HOP).not.toContain(name)
          expect(name.startsWith('x-spillway-')).toBe(false)
        }
      }),
    )
  })
})

/** What is left of the client's headers on their way upstream. */
function upstream(...sent: Headers): Headers {
  return toUpstreamHeaders(sent, sender([])).slice(0, -1)
}

function sender(credential: Headers, more: { betas?: readonly string[]; added?: Headers } = {}) {
  return { credential, betas: [], added: [], ...more }
}

/**
 * G1 Byte-exact, the headers: what changes on the way is a credential, a cookie, a forwarding
 * header, a field of the connection or our own, and nothing else does, in both directions.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import { last } from '../support/first.ts'
import { exchange } from '../support/raw-answer.ts'
import { requestBytes } from '../support/requests.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ accounts: ['a'] })
})
afterAll(() => world.stop())

const SECRET = 'CLIENT-SECRET-of-somebody'
const CREDENTIAL_NAMES = ['authorization', 'x-api-key', 'api-key', 'proxy-authorization', 'cookie']

const sent = async (...lines: readonly string[]) => {
  const answer = await exchange(world.url, requestBytes({ lines }))
  expect(answer.status).toBe(200)
  return last(world.simulator.received).headers
}

const SPELLINGS: readonly (readonly string[])[] = [
  [`Authorization: Bearer ${SECRET}`],
  [`authorization: bearer ${SECRET}`],
  [`AUTHORIZATION: BEARER ${SECRET}`],
  [`aUtHoRiZaTiOn:Bearer    ${SECRET}`],
  [`Authorization: Basic ${SECRET}`],
  [`Authorization: ${SECRET}`],
  [`Authorization:\tBearer\t${SECRET}\t`],
  [`Authorization: Bearer ${SECRET}`, `Authorization: Bearer ${SECRET}-2`],
  [`x-api-key: ${SECRET}`],
  [`X-Api-Key: ${SECRET}`],
  [`X-API-KEY:   ${SECRET}   `],
  [`x-api-key: ${SECRET}`, `X-Api-Key: ${SECRET}-2`],
  [`x-api-key: ${SECRET}`, `authorization: Bearer ${SECRET}`],
  [`api-key: ${SECRET}`],
  [`API-Key: ${SECRET}`],
  [`Proxy-Authorization: Basic ${SECRET}`],
  [`proxy-authorization: Bearer ${SECRET}`, `Proxy-Authenticate: ${SECRET}`],
  [`Cookie: session=${SECRET}`],
  [`cookie: a=1`, `Cookie: b=${SECRET}; c=2`],
  [`Connection: keep-alive, X-Secret`, `X-Secret: ${SECRET}`],
  [`X-Spillway-Key: ${SECRET}`],
]

describe('a client’s credential', () => {
  it.each(SPELLINGS.map((lines) => [lines.join(' + '), lines] as const))(
    'never goes upstream, and the account’s goes alone: %s',
    async (_what, lines) => {
      const headers = await sent(...lines)
      expect(JSON.stringify(headers)).not.toContain(SECRET)
      expect(headers.filter(([name]) => CREDENTIAL_NAMES.includes(name))).toEqual([['x-api-key', keyOf('a')]])
    },
  )

  it('never goes upstream with a count of tokens, a list of models or a file either', async () => {
    for (const target of ['/v1/messages/count_tokens', '/v1/models', '/v1/files', '/v1/anything/else']) {
      await exchange(
        world.url,
        requestBytes({ target, lines: [`x-api-key: ${SECRET}`, `cookie: ${SECRET}`] }),
      )
      const { headers } = last(world.simulator.received)
      expect(JSON.stringify(headers)).not.toContain(SECRET)
      expect(headers.filter(([name]) => CREDENTIAL_NAMES.includes(name))).toEqual([['x-api-key', keyOf('a')]])
    }
  })
})

describe('a request’s header', () => {
  it.each([
    ['connection', 'keep-alive'],
    ['keep-alive', 'timeout=5'],
    ['proxy-connection', 'keep-alive'],
    ['te', 'trailers'],
    ['trailer', 'x-checksum'],
    ['upgrade', 'websocket'],
    ['http2-settings', 'AAMAAABkAAQAAP__'],
    ['accept-encoding', 'gzip, br, zstd'],
    ['forwarded', 'for=192.0.2.7;proto=https'],
    ['x-forwarded-for', '192.0.2.7'],
    ['x-forwarded-host', 'evil.example'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-port', '443'],
    ['x-forwarded-prefix', '/x'],
    ['x-real-ip', '192.0.2.7'],
    ['true-client-ip', '192.0.2.7'],
    ['cf-connecting-ip', '192.0.2.7'],
    ['via', '1.1 somewhere'],
    ['referer', 'http://127.0.0.1/page'],
    ['sec-fetch-mode', 'cors'],
    ['sec-ch-ua', '"Browser";v="1"'],
    ['x-spillway-anything', 'ours'],
  ])('%s stays here', async (name, value) => {
    const headers = await sent(`${name}: ${value}`)
    expect(headers.filter((header) => header[0] === name && header[1] === value)).toEqual([])
  })

  it('that Connection names stays here, however it is written', async () => {
    const headers = await sent(
      'Connection: X-One , x-two',
      'connection: x-THREE',
      'x-one: 1',
      'X-TWO: 2',
      'x-three: 3',
    )
    expect(headers.filter(([name]) => name.startsWith('x-') && name !== 'x-api-key')).toEqual([])
  })

  it('passes with its value, its order and its repetitions otherwise', async () => {
    const lines = [
      ['accept', 'application/json'],
      ['user-agent', 'claude-cli/2.1.329 (external, cli)'],
      ['anthropic-version', '2023-06-01'],
      ['anthropic-beta', 'claude-code-20250219,interleaved-thinking-2025-05-14'],
      ['anthropic-beta', 'context-1m-2025-08-07'],
      ['anthropic-dangerous-direct-browser-access', 'true'],
      ['x-app', 'cli'],
      ['x-claude-code-session-id', '0d0f5f60-53a1-4b5f-9c2e-1f6f6b0a9c11'],
      ['x-claude-code-agent-id', 'agent-1'],
      ['x-stainless-retry-count', '0'],
      ['x-stainless-timeout', '600'],
      ['x-unheard-of', ''],
      ['x-latin', 'caf\xe9 \x80'],
      ['x-utf8', Buffer.from('déjà vu').toString('latin1')],
      ['x-tabs', 'a\tb'],
      ['x-repeated', 'b'],
      ['x-repeated', 'a'],
    ] as const
    const headers = await sent(...lines.map(([name, value]) => `${name}: ${value}`))
    const ours = ['host', 'content-type', 'content-length', 'accept-encoding', 'x-api-key']
    expect(headers.filter(([name]) => !ours.includes(name))).toEqual(lines.map((line) => line))
  })

  it('passes when its value ends in a byte that Latin-1 calls a space', async () => {
    const value = Buffer.from('voilà').toString('latin1')
    expect(await sent(`x-title: ${value}`)).toContainEqual(['x-title', value])
  })

  it('names the upstream’s own host, once', async () => {
    const headers = await sent()
    expect(headers.filter(([name]) => name === 'host')).toEqual([
      ['host', `127.0.0.1:${world.simulator.port}`],
    ])
  })

  it('asks for an answer that can be read: identity encoding, once', async () => {
    const headers = await sent('accept-encoding: br', 'Accept-Encoding: gzip;q=1')
    expect(headers.filter(([name]) => name === 'accept-encoding')).toEqual([['accept-encoding', 'identity']])
  })
})

describe('an answer’s header', () => {
  const answerWith = async (...headers: readonly (readonly [string, string])[]) => {
    world.simulator.script(keyOf('a'), reply.whole(200, '{"type":"message"}', headers))
    return (await exchange(world.url, requestBytes())).headers
  }

  it.each([
    ['keep-alive', 'timeout=60'],
    ['proxy-authenticate', 'Basic'],
    ['trailer', 'x-checksum'],
    ['upgrade', 'h2c'],
    ['set-cookie', '__cf_bm=abc; HttpOnly'],
    ['alt-svc', 'h3=":443"'],
    ['strict-transport-security', 'max-age=31536000'],
    ['x-spillway-account', 'somebody-else'],
    ['x-spillway-novel', 'x'],
  ])('%s stays there', async (name, value) => {
    const headers = await answerWith([name, value])
    expect(headers.filter((header) => header[0] === name && header[1] === value)).toEqual([])
  })

  it('that Connection names stays there', async () => {
    const headers = await answerWith(['connection', 'keep-alive, X-Internal'], ['x-internal', 'secret'])
    expect(headers.map(([name]) => name)).not.toContain('x-internal')
  })

  it('passes with its value, its order and its repetitions otherwise', async () => {
    const given = [
      ['content-type', 'application/json; charset=utf-8'],
      ['request-id', 'req_011CSHoEeqs5C35K2UUqR7Fy'],
      ['retry-after', '7'],
      ['x-should-retry', 'true'],
      ['server', 'cloudflare'],
      ['date', 'Fri, 20 Nov 2026 12:00:00 GMT'],
      ['vary', 'Origin'],
      ['vary', 'Accept-Encoding'],
      ['x-utf8', 'café'],
    ] as const
    const headers = await answerWith(...given)
    const passed = headers.filter(([name]) => !name.startsWith('x-spillway-') && name !== 'content-length')
    expect(passed).toEqual(given.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]))
  })

  it('of one account’s plan and organization does not pass as if it were the client’s', async () => {
    const headers = await answerWith(
      ['anthropic-organization-id', 'org-1'],
      ['anthropic-ratelimit-unified-status', 'allowed'],
      ['anthropic-ratelimit-requests-remaining', '7'],
      ['anthropic-priority-input-tokens-limit', '7'],
    )
    expect(headers.filter(([name]) => name.startsWith('anthropic-'))).toEqual([])
  })

  it('tells the request, the account and the attempts, once each', async () => {
    const headers = await answerWith(['content-type', 'application/json'])
    const own = headers.filter(([name]) => name.startsWith('x-spillway-'))
    expect(own.map(([name]) => name)).toEqual([
      'x-spillway-request-id',
      'x-spillway-account',
      'x-spillway-attempts',
    ])
    expect(own.slice(1).map(([, value]) => value)).toEqual(['a', '1'])
  })
})

/** An account's own way out: written as it is read, and what can never be added to its requests. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { type AccountNetwork, addedHeaders, headerProblem, readNetwork, writeNetwork } from './network.ts'

describe('an account’s network', () => {
  it.each<AccountNetwork>([
    {},
    { proxy: 'socks5://me:CANARY-p%40ss@127.0.0.1:1080' },
    { headers: { 'x-team': 'naïve "quoted"', 'cf-access-client-id': 'id' } },
    { proxy: 'http://proxy.example:3128', headers: {} },
  ])('%j is read as it was written', (network) => {
    expect(readNetwork(writeNetwork(network))).toEqual(network)
  })

  it('adds its headers in the order in which they were given, and none where there are none', () => {
    expect(addedHeaders({ headers: { b: '2', a: '1' } })).toEqual([
      ['b', '2'],
      ['a', '1'],
    ])
    expect(addedHeaders({})).toEqual([])
  })
})

describe('a header', () => {
  it.each([
    ['x-team', 'blue'],
    ['anthropic-workspace-id', 'wrkspc_01'],
    ['cf-access-client-secret', 'abc'],
    ['helicone-auth', 'Bearer abc'],
    ['x-empty', ''],
    ['x-latin', '\u00e9\u00ff'],
    ['x-long', 'x'.repeat(4_096)],
  ])('%s can be added', (name, value) => {
    expect(headerProblem(name, value)).toBeUndefined()
  })

  it.each([
    'authorization',
    'x-api-key',
    'api-key',
    'cookie',
    'host',
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
    'content-length',
    'content-type',
    'content-encoding',
    'accept-encoding',
  ])('%s cannot: the gateway sets it', (name) => {
    expect(headerProblem(name, 'x')).toBe(`${name} is set by the gateway itself and cannot be added.`)
  })

  it.each([
    'user-agent',
    'x-app',
    'anthropic-version',
    'anthropic-beta',
    'x-stainless-os',
    'x-stainless-retry-count',
    'x-claude-code-session-id',
    'x-spillway-account',
  ])('%s cannot: it says which client it is', (name) => {
    expect(headerProblem(name, 'x')).toContain('which client a request comes from')
  })

  it.each(['', 'X-Team', 'x team', 'x:team', 'x-tëam', 'x\r\n', '(x)', 'Authorization'])(
    'called %j cannot',
    (name) => {
      expect(headerProblem(name, 'x')).toContain('is not a header’s name in lower case')
    },
  )

  it.each(['a\nb', 'a\r\nauthorization: x', '\u0000', '\u007f', '\u0100', '組', 'x'.repeat(4_097)])(
    'with the value %j cannot, and the value is not repeated',
    (value) => {
      const problem = headerProblem('x-team', value)
      expect(problem).toBe('The value of x-team must be one line of at most 4,096 characters.')
    },
  )

  it('that can be added never breaks out of its line', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'binary' }), (name, value) => {
        if (headerProblem(name, value) === undefined) expect(`${name}: ${value}`).not.toMatch(/[\r\n\0]/)
      }),
    )
  })
})

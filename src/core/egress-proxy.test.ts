/** Proxies' addresses: what can be read, what an account may have, and that no credential is ever shown. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { parseProxy, proxyProblem, withoutCredentials } from './egress-proxy.ts'

const me = (password: string) => ({ user: 'me', password })

describe('parseProxy', () => {
  it.each([
    ['http://proxy.lan:3128', 'http', 'proxy.lan', 3128, undefined],
    ['HTTP://Proxy.LAN:3128/', 'http', 'proxy.lan', 3128, undefined],
    ['http://proxy.lan:80', 'http', 'proxy.lan', 80, undefined],
    ['http://proxy.lan', 'http', 'proxy.lan', 80, undefined],
    ['http://proxy.lan:3128/path?query', 'http', 'proxy.lan', 3128, undefined],
    ['socks5://proxy.lan:9050', 'socks5', 'proxy.lan', 9050, undefined],
    ['socks5h://PROXY.lan:9050', 'socks5', 'proxy.lan', 9050, undefined],
    ['socks5://proxy.lan', 'socks5', 'proxy.lan', 1080, undefined],
    ['socks5://[FD00::1]:1', 'socks5', '[fd00::1]', 1, undefined],
    ['socks5://0x7f.1:1', 'socks5', '127.0.0.1', 1, undefined],
    ['socks5://bücher.example:1', 'socks5', 'xn--bcher-kva.example', 1, undefined],
    ['http://me:CANARY@proxy.lan:1', 'http', 'proxy.lan', 1, me('CANARY')],
    ['socks5://me@proxy.lan:1', 'socks5', 'proxy.lan', 1, me('')],
    ['http://:CANARY@proxy.lan:1', 'http', 'proxy.lan', 1, { user: '', password: 'CANARY' }],
    ['socks5://m%40e:p%3Aw%C3%BC@proxy.lan:1', 'socks5', 'proxy.lan', 1, { user: 'm@e', password: 'p:wü' }],
    ['http://me:a@b@proxy.lan:1', 'http', 'proxy.lan', 1, me('a@b')],
    ['http://me:100%@proxy.lan:1', 'http', 'proxy.lan', 1, me('100%')],
    ['http://me:12@proxy.lan', 'http', 'proxy.lan', 80, me('12')],
  ] as const)('reads %s', (text, kind, host, port, credentials) => {
    expect(parseProxy(text)).toEqual({ kind, host, port, credentials })
  })

  it.each([
    '',
    'proxy.lan:3128',
    '//proxy.lan:3128',
    'http:proxy.lan:3128',
    'http://',
    'http://:3128',
    'http://me@:3128',
    'http:///proxy.lan:3128',
    'http://proxy.lan:0',
    'http://proxy.lan:65536',
    'http://proxy.lan:x',
    'http://proxy lan:1',
    'http://proxy\n.lan:1',
    'http://proxy.lan\\@other.lan:1',
    'https://proxy.lan:3128',
    'socks://proxy.lan:1',
    'socks4://proxy.lan:1',
    'ftp://proxy.lan:1',
    'socks5://:CANARY@proxy.lan:1',
    `socks5://${'u'.repeat(256)}:x@proxy.lan:1`,
    `socks5://me:${'ü'.repeat(128)}@proxy.lan:1`,
  ])('reads nothing from %p', (text) => {
    expect(parseProxy(text)).toBeUndefined()
    expect(proxyProblem(text)).toBeString()
  })

  it('takes whatever a URL can hold as user and password', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme' }),
        (user, password) => {
          const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
          expect(parseProxy(`http://${login}@proxy.lan:1`)?.credentials).toEqual({ user, password })
        },
      ),
    )
  })
})

describe('proxyProblem', () => {
  it.each([
    'http://proxy.lan:3128',
    'http://proxy.lan:80/',
    'http://me:CANARY@[fd00::1]:3128',
    'socks5://127.0.0.1:9050',
    'socks5h://me@proxy.lan:1080',
    `socks5://${'u'.repeat(255)}:${'p'.repeat(255)}@proxy.lan:1080`,
  ])('has nothing against %s', (text) => expect(proxyProblem(text)).toBeUndefined())

  it.each([
    ['', /is written http:\/\/host:port or socks5:\/\/host:port/],
    ['proxy.lan:3128', /is written/],
    ['socks4://proxy.lan:1080', /is written/],
    ['https://proxy.lan:3128', /not spoken to over TLS/],
    ['HTTPS://proxy.lan:3128', /not spoken to over TLS/],
    ['http://proxy.lan', /names its port/],
    ['http://me:12@proxy.lan', /names its port/],
    ['http://proxy.lan:3128/path', /ends with its port/],
    ['http://proxy.lan:3128?x', /ends with its port/],
    ['http://me:12/CANARY@proxy.lan:3128', /ends with its port; a \/, \? or # in its password/],
    ['socks5://:CANARY@proxy.lan:1', /user name of 1 to 255 bytes/],
    [`socks5://me:${'p'.repeat(256)}@proxy.lan:1`, /at most 255/],
  ])('says what is wrong with %p', (text, words) => {
    const problem = proxyProblem(text)
    expect(problem).toMatch(words)
    expect(problem).toMatch(/^A .*\.$/)
    expect(problem).not.toContain('CANARY')
  })
})

describe('withoutCredentials', () => {
  it.each([
    ['http://me:CANARY@proxy.lan:80/', 'http://proxy.lan:80'],
    ['SOCKS5://me:CANARY@[fd00::1]:1080', 'socks5://[fd00::1]:1080'],
    ['socks5h://proxy.lan:1080', 'socks5://proxy.lan:1080'],
    ['http://me:12/CANARY@proxy.lan:1', '(unreadable)'],
    ['me:CANARY@proxy.lan:1', '(unreadable)'],
    ['CANARY', '(unreadable)'],
  ])('shows %p as %p', (text, shown) => expect(withoutCredentials(text)).toBe(shown))

  it('shows nothing of a password, whatever stands around it', () => {
    const noise = fc.string({
      unit: fc.constantFrom('http', 'socks5', '://', '@', ':', '/', '#', '1', 'a', '%', '['),
    })
    fc.assert(
      fc.property(noise, noise, (before, after) => {
        const text = `${before}CANARY${after}`
        expect(proxyProblem(text) ?? '').not.toContain('CANARY')
        if (text.lastIndexOf('@') > text.indexOf('CANARY')) {
          expect(withoutCredentials(text).toUpperCase()).not.toContain('CANARY')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

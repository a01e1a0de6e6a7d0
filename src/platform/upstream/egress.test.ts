/** Whether a request goes through the network's proxy, in every form that the variables take. */
import { describe, expect, it } from 'bun:test'
import type { Endpoint } from '../../core/ports/upstream.ts'
import { createEgressRules, createOwnProxies, nameOfWay } from './egress.ts'

const to = (host: string, port = 443, isSecure = true): Endpoint => ({ host, port, isSecure, path: '' })
const API = to('api.anthropic.com')
const PROXY = { HTTPS_PROXY: 'http://proxy.lan:3128' }

describe('a proxy', () => {
  it('is not there without variables', () => {
    expect(createEgressRules({})(API)).toBeUndefined()
    expect(createEgressRules({ HTTPS_PROXY: '', HTTP_PROXY: undefined })(API)).toBeUndefined()
  })

  it('is taken for HTTPS from HTTPS_PROXY, for HTTP from HTTP_PROXY', () => {
    const rules = createEgressRules({ HTTPS_PROXY: 'http://secure.lan:1', HTTP_PROXY: 'http://plain.lan:2' })
    expect(rules(API)).toMatchObject({ host: 'secure.lan', port: 1, authorization: undefined })
    expect(rules(to('llm.example', 80, false))).toMatchObject({ host: 'plain.lan', port: 2 })
    expect(createEgressRules({ HTTP_PROXY: 'http://plain.lan:2' })(API)).toBeUndefined()
  })

  it('is taken from small letters first, which may also say that there is none', () => {
    expect(createEgressRules({ ...PROXY, https_proxy: 'http://small.lan:1' })(API)?.host).toBe('small.lan')
    expect(createEgressRules({ ...PROXY, https_proxy: '' })(API)).toBeUndefined()
  })

  it.each([
    ['proxy.lan:3128', { host: 'proxy.lan', port: 3128, authorization: undefined }],
    ['http://proxy.lan', { host: 'proxy.lan', port: 80, authorization: undefined }],
    ['http://proxy.lan:3128/', { host: 'proxy.lan', port: 3128, authorization: undefined }],
    ['http://[fd00::1]:3128', { host: '[fd00::1]', port: 3128, authorization: undefined }],
    ['http://me:CANARY@proxy.lan:1', { host: 'proxy.lan', port: 1, authorization: basic('me:CANARY') }],
    ['http://me@proxy.lan:1', { host: 'proxy.lan', port: 1, authorization: basic('me:') }],
    [
      'http://m%40e:p%3Aw%C3%BC@proxy.lan:1',
      { host: 'proxy.lan', port: 1, authorization: basic('m@e:p:wü') },
    ],
    ['http://me:100%25@proxy.lan:1', { host: 'proxy.lan', port: 1, authorization: basic('me:100%') }],
    ['http://me:100%@proxy.lan:1', { host: 'proxy.lan', port: 1, authorization: basic('me:100%') }],
    [' http://proxy.lan:1 ', { host: 'proxy.lan', port: 1, authorization: undefined }],
  ])('may be written as %s', (text, proxy) => {
    expect(createEgressRules({ HTTPS_PROXY: text })(API)).toMatchObject({ kind: 'http', ...proxy })
  })

  it('may be a SOCKS5 one', () => {
    const rules = createEgressRules({ HTTPS_PROXY: 'socks5h://me:CANARY@proxy.lan' })
    expect(rules(API)).toMatchObject({
      kind: 'socks5',
      host: 'proxy.lan',
      port: 1080,
      credentials: { user: 'me', password: 'CANARY' },
    })
  })

  it('is not used for this machine', () => {
    const rules = createEgressRules({ ...PROXY, HTTP_PROXY: 'http://proxy.lan:3128' })
    for (const host of ['localhost', '127.0.0.1', '[::1]', 'llm.localhost']) {
      expect([host, rules(to(host, 80, false)), rules(to(host))]).toEqual([host, undefined, undefined])
    }
  })
})

describe('NO_PROXY', () => {
  it.each([
    ['*', API],
    ['api.anthropic.com', API],
    ['API.Anthropic.COM', API],
    ['anthropic.com', API],
    ['.anthropic.com', API],
    ['*.anthropic.com', API],
    ['other.example, anthropic.com', API],
    ['other.example,,anthropic.com,', API],
    ['anthropic.com:443', API],
    ['.anthropic.com:443', API],
    ['10.1.2.3', to('10.1.2.3')],
    ['10.1.2.3:8443', to('10.1.2.3', 8443)],
    ['[fd00::1]', to('[fd00::1]')],
    ['[fd00::1]:8443', to('[fd00::1]', 8443)],
  ])('%p takes the proxy out of the way', (exceptions, endpoint) => {
    expect(createEgressRules({ ...PROXY, NO_PROXY: exceptions })(endpoint)).toBeUndefined()
    expect(createEgressRules({ ...PROXY, no_proxy: exceptions })(endpoint)).toBeUndefined()
  })

  it.each([
    ['', API],
    ['anthropic.com:80', API],
    ['notanthropic.com', API],
    ['thropic.com', API],
    ['api.anthropic.com.evil.example', API],
    ['com.', API],
    ['10.1.2.3', to('110.1.2.3')],
    ['[fd00::1]:80', to('[fd00::1]', 8443)],
  ])('%p leaves it there', (exceptions, endpoint) => {
    expect(createEgressRules({ ...PROXY, NO_PROXY: exceptions })(endpoint)?.host).toBe('proxy.lan')
  })
})

describe('a request’s own proxy', () => {
  it('is read once, however often it is asked for', () => {
    const own = createOwnProxies()
    const proxy = own('http://me:CANARY@proxy.lan:3128')
    expect(proxy).toMatchObject({
      kind: 'http',
      host: 'proxy.lan',
      port: 3128,
      authorization: basic('me:CANARY'),
    })
    expect(own('http://me:CANARY@proxy.lan:3128')).toBe(proxy)
  })

  it('has a key that no other proxy and no other user of it has', () => {
    const own = createOwnProxies()
    const texts = [
      'http://p.lan:1',
      'socks5://p.lan:1',
      'http://p.lan:2',
      'http://a:b@p.lan:1',
      'http://a:c@p.lan:1',
    ]
    const keys = texts.map((text) => own(text)).map((proxy) => proxy.kind !== 'unusable' && proxy.key)
    expect(new Set(keys).size).toBe(texts.length)
  })

  it('is one of a thousand that are remembered at most', () => {
    const own = createOwnProxies()
    const first = own('http://0.lan:1')
    for (let n = 1; n < 1_000; n++) own(`http://${n}.lan:1`)
    expect(own('http://0.lan:1')).toBe(first)
    own('http://1000.lan:1')
    expect(own('http://0.lan:1')).not.toBe(first)
    expect(own('http://0.lan:1')).toEqual(first)
  })

  it('that cannot be used says why, and is remembered too', () => {
    const own = createOwnProxies()
    const proxy = own('https://CANARY@proxy.lan:1')
    expect(proxy).toEqual({
      kind: 'unusable',
      problem: expect.stringMatching(/^A proxy is not spoken to over TLS/),
    })
    expect(own('https://CANARY@proxy.lan:1')).toBe(proxy)
  })
})

describe('nameOfWay', () => {
  it('names the proxy where there is one, and never its credentials', () => {
    expect(nameOfWay('llm.example', undefined)).toBe('llm.example')
    const proxy = createEgressRules({ HTTPS_PROXY: 'http://me:CANARY@proxy.lan:1' })(API)
    expect(nameOfWay('llm.example', proxy)).toBe('llm.example by way of the proxy proxy.lan')
  })
})

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

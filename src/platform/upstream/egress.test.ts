/** Whether a request goes through the network's proxy, in every form that the variables take. */
import { describe, expect, it } from 'bun:test'
import type { Endpoint } from '../../core/ports/upstream.ts'
import { createEgressRules } from './egress.ts'

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
    expect(rules(API)).toEqual({ host: 'secure.lan', port: 1, authorization: undefined })
    expect(rules(to('llm.example', 80, false))).toEqual({
      host: 'plain.lan',
      port: 2,
      authorization: undefined,
    })
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
  ])('may be written as %s', (text, proxy) => {
    expect(createEgressRules({ HTTPS_PROXY: text })(API)).toEqual(proxy)
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

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

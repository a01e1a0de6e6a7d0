/** Host and Origin checks: rebound names and foreign pages get nothing (G12). */
import { describe, expect, it } from 'bun:test'
import type { Headers } from './headers.ts'
import { checkOrigin, type OriginPolicy } from './origin.ts'

const policy: OriginPolicy = {
  allowedHosts: ['gateway.example.com'],
  allowedOrigins: ['https://app.example.com'],
}

describe('the Host header', () => {
  it.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    'localhost.',
    '127.0.0.1:8080',
    '[::1]:8080',
    '192.168.1.20:8080',
    '[2001:db8::1]',
    'gateway.example.com',
    'Gateway.Example.com:443',
  ])('may be %s', (host) => {
    expect(checkOrigin([['host', host]], policy)).toBe('ok')
  })

  it.each([
    'evil.com',
    'evil.com:8080',
    '127.0.0.1.evil.com',
    'localhost.evil.com',
    'gateway.example.com.evil.com',
    'notgateway.example.com',
    '1.2.3',
  ])('may not be %s, which somebody can rebind', (host) => {
    expect(checkOrigin([['host', host]], policy)).toBe('foreign-host')
  })

  it.each([
    '',
    'local host',
    'user@localhost',
    'localhost/path',
    'localhost:',
    'localhost:port',
    'a,b',
    '[::1',
  ])('may not be "%s", which is no host', (host) => {
    expect(checkOrigin([['host', host]], policy)).toBe('bad-host')
  })

  it('must be there', () => expect(checkOrigin([], policy)).toBe('bad-host'))

  it('must be there once', () => {
    expect(checkOrigin(from('localhost', ['host', 'localhost']), policy)).toBe('bad-host')
  })
})

describe('the Origin header', () => {
  it.each([
    'http://localhost:8080',
    'https://localhost:8080',
    'HTTP://LOCALHOST:8080',
    'https://app.example.com',
  ])('may be %s', (origin) => {
    expect(checkOrigin(from('localhost:8080', ['origin', origin]), policy)).toBe('ok')
  })

  it.each([
    'https://evil.com',
    'null',
    '',
    'http://localhost',
    'http://localhost:9090',
    'https://app.example.com.evil.com',
    'http://app.example.com',
    'http://127.0.0.1:8080',
  ])('may not be "%s"', (origin) => {
    expect(checkOrigin(from('localhost:8080', ['origin', origin]), policy)).toBe('foreign-origin')
  })
})

describe('Sec-Fetch-Site, where there is no Origin', () => {
  it.each(['same-origin', 'none'])('may be %s', (site) => {
    expect(checkOrigin(from('localhost', ['sec-fetch-site', site]), policy)).toBe('ok')
  })

  it.each(['cross-site', 'same-site', 'unheard-of'])('may not be %s', (site) => {
    expect(checkOrigin(from('localhost', ['sec-fetch-site', site]), policy)).toBe('foreign-origin')
  })
})

it('looks at the Host before the Origin, so that a rebound page learns nothing', () => {
  expect(checkOrigin(from('evil.com', ['origin', 'http://evil.com']), policy)).toBe('foreign-host')
})

function from(host: string, ...more: Headers): Headers {
  return [['host', host], ...more]
}

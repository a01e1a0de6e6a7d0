/** Base URLs: what they say to the network, and every trick by which one leads elsewhere. */
import { describe, expect, it } from 'bun:test'
import { baseUrlProblem, parseEndpoint } from './base-url.ts'

describe('parseEndpoint', () => {
  it.each([
    ['https://api.anthropic.com', { isSecure: true, host: 'api.anthropic.com', port: 443, path: '' }],
    ['https://api.anthropic.com/', { isSecure: true, host: 'api.anthropic.com', port: 443, path: '' }],
    ['http://localhost:11434', { isSecure: false, host: 'localhost', port: 11_434, path: '' }],
    ['http://example.com', { isSecure: false, host: 'example.com', port: 80, path: '' }],
    [
      'https://api.z.ai/api/anthropic//',
      { isSecure: true, host: 'api.z.ai', port: 443, path: '/api/anthropic' },
    ],
    ['https://[::1]:8443/x', { isSecure: true, host: '[::1]', port: 8_443, path: '/x' }],
    ['HTTPS://Example.COM/A', { isSecure: true, host: 'example.com', port: 443, path: '/A' }],
    ['https://example.com:443', { isSecure: true, host: 'example.com', port: 443, path: '' }],
    ['http://example.com:443', { isSecure: false, host: 'example.com', port: 443, path: '' }],
  ])('reads %s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
  })

  it.each([
    '',
    'example.com',
    '/v1',
    'ftp://example.com',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://',
    'http://a b',
    'https://example.com:99999',
    'unix:/run/x.sock',
  ])('reads no endpoint from "%s"', (text) => {
    expect(parseEndpoint(text)).toBeUndefined()
  })
})

describe('a base URL', () => {
  it.each([
    'https://api.anthropic.com',
    'https://api.z.ai/api/anthropic',
    'http://localhost:11434',
    'http://127.0.0.1:8000',
    'http://[::1]:8000',
    'http://192.168.1.20:8000/llm',
    'http://10.0.0.5',
    'https://gateway.internal/v1beta',
    'https://example.com/v1/proxy',
    'http://2130706433',
  ])('may be %s', (text) => {
    expect(baseUrlProblem(text, [])).toBeUndefined()
  })

  it.each([
    ['as it is', 'http://169.254.169.254/latest'],
    ['with another port', 'http://169.254.169.254:8080'],
    ['as one number', 'http://2852039166'],
    ['in hexadecimal', 'http://0xa9fea9fe'],
    ['in hexadecimal parts', 'http://0xa9.0xfe.0xa9.0xfe'],
    ['in octal parts', 'http://0251.0376.0251.0376'],
    ['with few parts', 'http://169.254.43518'],
    ['in mixed parts', 'http://169.0xfe.0251.254'],
    ['in wide digits', 'http://１６９.２５４.１６９.２５４'],
    ['in circled digits', 'http://①⑥⑨.②⑤④.①⑥⑨.②⑤④'],
    ['with percent signs', 'http://%31%36%39.254.169.254'],
    ['with a point at its end', 'http://169.254.169.254.'],
    ['mapped into IPv6', 'http://[::ffff:169.254.169.254]'],
    ['mapped into IPv6 in hexadecimal', 'http://[::ffff:a9fe:a9fe]'],
    ['mapped into IPv6 at full length', 'http://[0:0:0:0:0:ffff:a9fe:a9fe]'],
    ['translated into IPv6', 'http://[64:ff9b::a9fe:a9fe]'],
    ['compatible with IPv6', 'http://[::169.254.169.254]'],
    ['behind backslashes', 'http:\\\\169.254.169.254\\latest'],
    ['behind many slashes', 'http:////169.254.169.254'],
    ['with a line end inside', 'http://169.254.\n169.254'],
    ['with a tab inside', 'http://169.254\t.169.254'],
    ['with space around it', '  http://169.254.169.254  '],
    ['as the one of containers', 'http://169.254.170.2'],
    ['as the one of Alibaba', 'http://100.100.100.200'],
    ['as the one of Azure', 'http://168.63.129.16'],
    ['as the one of Oracle', 'http://192.0.0.192'],
    ['as the IPv6 one of AWS', 'http://[fd00:ec2::254]'],
    ['as a link-local IPv6 address', 'http://[fe80::1]'],
    ['as everybody on the network', 'http://255.255.255.255'],
    ['as a multicast group', 'http://[ff02::1]'],
  ])('may not be a metadata or link-local address: %s', (_how, text) => {
    expect(baseUrlProblem(text, [])).toMatch(/ is a .*address\. If that is meant, add it to the setting/)
  })

  it.each([
    ['http://user@example.com', /no user name or password/],
    ['http://user:secret@example.com', /no user name or password/],
    ['http://example.com@169.254.169.254', /no user name or password/],
    ['http://:secret@example.com', /no user name or password/],
    ['https://example.com?key=1', /no query and no fragment/],
    ['https://example.com/#x', /no query and no fragment/],
    ['https://example.com/v1', /Leave out the \/v1/],
    ['https://example.com/v1/', /Leave out the \/v1/],
    ['https://example.com/api/v1', /Leave out the \/v1/],
    ['example.com', /begins with http/],
    ['ftp://example.com', /begins with http/],
    ['', /begins with http/],
  ])('may not be "%s"', (text, problem) => {
    expect(baseUrlProblem(text, [])).toMatch(problem)
  })

  it('never has its secret in the sentence about it', () => {
    expect(baseUrlProblem('https://user:CANARY@169.254.169.254/v1?x=CANARY', [])).not.toContain('CANARY')
  })

  it('may be a refused address where the operator has named that host', () => {
    expect(baseUrlProblem('http://169.254.169.254', ['169.254.169.254'])).toBeUndefined()
    expect(baseUrlProblem('http://2852039166', ['169.254.169.254'])).toBeUndefined()
    expect(baseUrlProblem('http://169.254.170.2', ['169.254.169.254'])).toBeDefined()
  })
})

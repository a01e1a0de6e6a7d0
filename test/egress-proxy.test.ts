/**
 * Requests that bring a proxy of their own, over real sockets: what the proxy is asked for,
 * what it can do wrong, and that nothing goes past it or stays open. Row 9 of `faults.md` §1
 * for proxies of the network is in `faults/connect`.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Simulator, startSimulator } from '../src/simulator/simulator.ts'
import { createAuthority, createCertificate } from './support/certificates.ts'
import { only } from './support/first.ts'
import {
  askTrusting,
  type ProxiedOptions,
  type ProxiedUpstream,
  proxiedUpstream,
} from './support/proxied-upstream.ts'
import { PROXIES, PROXY_HOST, type ProxyPlan, type Stage, type TestProxy } from './support/proxies.ts'
import { type RawUpstream, startRawUpstream } from './support/raw-upstream.ts'
import { within } from './support/within.ts'

type Kind = keyof typeof PROXIES
const KINDS: readonly Kind[] = ['http', 'socks5']
/** RFC 1928 §6, and one that it does not know. */
const SOCKS_CODES: readonly (readonly [code: number, words: string])[] = [
  [1, 'it failed without saying why'],
  [2, 'its rules forbid it'],
  [3, 'it finds the network unreachable'],
  [4, 'it finds the host unreachable'],
  [5, 'the connection was refused'],
  [6, 'the way there took too long'],
  [7, 'it knows no such command'],
  [8, 'it knows no such kind of address'],
  [99, 'for a reason of its own'],
]
const LOGIN = 'CANARY-user:CANARY-pass'

const open: { stop(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.stop()
})

function kept<T extends { stop(): void }>(each: T): T {
  open.push(each)
  return each
}

const proxyOf = async (kind: Kind, plan: ProxyPlan = {}): Promise<TestProxy> =>
  kept(await PROXIES[kind](plan))

const provider = (options?: Parameters<typeof startSimulator>[0]): Simulator => kept(startSimulator(options))

const raw = (serve: Parameters<typeof startRawUpstream>[0]): RawUpstream => kept(startRawUpstream(serve))

function upstreamOf(options?: ProxiedOptions): ProxiedUpstream {
  const upstream = proxiedUpstream(options)
  open.push({ stop: upstream.close })
  return upstream
}

describe.each(KINDS)('a request’s own %s proxy', (kind) => {
  it('is given the name of a plain endpoint, which nobody else is asked for', async () => {
    const [proxy, simulator, upstream] = [await proxyOf(kind), provider(), upstreamOf()]
    const sending = { proxy: proxy.url(), port: simulator.port }
    expect(await upstream.ask(sending)).toEqual({ status: 200 })
    const visit = only(proxy.visits)
    expect(visit.goals).toEqual([`provider.test:${simulator.port}`])
    expect(visit.words).toEqual([
      kind === 'http' ? `GET http://provider.test:${simulator.port}/v1/models HTTP/1.1` : 'kind 3',
    ])
    expect(upstream.askedNames).toEqual([PROXY_HOST])
    expect(only(simulator.received).headers).toContainEqual(['host', `provider.test:${simulator.port}`])
  })

  it('is shown the request’s credentials, and the provider is not', async () => {
    const [proxy, simulator] = [await proxyOf(kind, { credentials: LOGIN }), provider()]
    expect(await upstreamOf().ask({ proxy: proxy.url(LOGIN), port: simulator.port })).toEqual({ status: 200 })
    expect(only(proxy.visits).logins).toEqual([LOGIN])
    expect(JSON.stringify(only(simulator.received).headers)).not.toMatch(/CANARY-|proxy-/)
  })

  it('may say what it has to say byte by byte', async () => {
    const [proxy, simulator] = [await proxyOf(kind, { credentials: LOGIN, isSlow: true }), provider()]
    expect(await upstreamOf().ask({ proxy: proxy.url(LOGIN), port: simulator.port })).toEqual({ status: 200 })
  })

  it('carries a large body whole', async () => {
    const [proxy, simulator] = [await proxyOf(kind), provider()]
    const body = JSON.stringify({ model: 'claude-sonnet-4-5', messages: [], filler: 'x'.repeat(3 << 20) })
    await upstreamOf().ask({ proxy: proxy.url(), port: simulator.port, body })
    expect(only(simulator.received).body.toString() === body).toBe(true)
  })

  it('wins over the environment and its exceptions, for this machine too', async () => {
    const [own, networks, simulator] = [await proxyOf(kind), await proxyOf('http'), provider()]
    const upstream = upstreamOf({ environment: { HTTP_PROXY: networks.url(), NO_PROXY: '*' } })
    for (const host of ['127.0.0.1', '[::1]', 'localhost', 'provider.test']) {
      expect(await upstream.ask({ proxy: own.url(), host, port: simulator.port })).toEqual({ status: 200 })
    }
    expect(own.visits.map(({ goals }) => goals[0]?.replace(/:\d+$/, ''))).toEqual([
      '127.0.0.1',
      kind === 'http' ? '[::1]' : '00000000000000000000000000000001',
      'localhost',
      'provider.test',
    ])
    const always = upstreamOf({ environment: { HTTP_PROXY: networks.url() } })
    expect(await always.ask({ proxy: own.url(), port: simulator.port })).toEqual({ status: 200 })
    expect([own.visits.length, networks.visits.length]).toEqual([5, 0])
  })

  it('does not lead to forbidden addresses, unless the operator has named them', async () => {
    const [proxy, simulator] = [await proxyOf(kind), provider()]
    const forbidden = ['169.254.169.254', '100.100.100.200', '[::ffff:a9fe:a9fe]', '[fd00:ec2::254]']
    for (const host of forbidden) {
      const outcome = await upstreamOf().ask({ proxy: proxy.url(), host, port: simulator.port })
      expect(outcome).toMatchObject({ cause: 'blocked-address', detail: expect.stringContaining(host) })
    }
    expect(proxy.visits).toEqual([])
    const upstream = upstreamOf({ allowedHosts: forbidden })
    const sending = { proxy: proxy.url(), host: '169.254.169.254', port: simulator.port }
    expect(await upstream.ask(sending)).toEqual({ status: 200 })
  })

  it('is named where it cannot be reached, its credentials are not', async () => {
    const [proxy, upstream] = [await proxyOf(kind), upstreamOf()]
    proxy.stop()
    const gone = await upstream.ask({ proxy: proxy.url(LOGIN), port: 1 })
    expect(gone.cause).toBe('connect-refused')
    expect(gone.detail).toStartWith('provider.test by way of the proxy proxy.test: ')
    const unknown = await upstream.ask({ proxy: `${kind}://${LOGIN}@nowhere.test:1`, port: 1 })
    expect(unknown.cause).toBe('dns-failed')
    expect(unknown.detail).toStartWith('provider.test by way of the proxy nowhere.test: ')
    const forbidden = await upstream.ask({ proxy: `${kind}://${LOGIN}@169.254.169.254:1`, port: 1 })
    expect(forbidden.cause).toBe('blocked-address')
    expect(JSON.stringify([gone, unknown, forbidden])).not.toContain('CANARY-')
  })
})

describe.each(KINDS)('connections through %s proxies', (kind) => {
  it('serve again for the same proxy, and for no other, no other user and no direct request', async () => {
    const [a, b, simulator, upstream] = [await proxyOf(kind), await proxyOf(kind), provider(), upstreamOf()]
    const { port } = simulator
    const logins = [undefined, undefined, 'CANARY-x:1', 'CANARY-x:1', 'CANARY-x:2', undefined]
    for (const login of logins) await upstream.ask({ proxy: a.url(login), port })
    await upstream.ask({ proxy: b.url(), port })
    const isDirect = { host: '127.0.0.1', port }
    await upstream.ask(isDirect)
    await upstream.ask({ ...isDirect, proxy: a.url() })
    await upstream.ask(isDirect)
    expect([a.visits.length, b.visits.length]).toEqual([4, 1])
    expect(simulator.received.map(({ connection }) => connection)).toEqual([1, 1, 2, 2, 3, 1, 4, 5, 6, 5])
  })
})

describe.each(KINDS)('TLS through a %s proxy', (kind) => {
  it('is with the endpoint, whose certificate must hold for the endpoint’s name', async () => {
    const authority = await createAuthority()
    const good = provider({ tls: await createCertificate({ host: 'provider.test', authority }) })
    const others = provider({ tls: await createCertificate({ host: 'other.test', authority }) })
    const stranger = provider({ tls: await createCertificate({ host: 'provider.test' }) })
    const proxy = await proxyOf(kind, { credentials: LOGIN })
    const directory = mkdtempSync(join(tmpdir(), 'spillway-egress-'))
    const file = join(directory, 'authority.pem')
    writeFileSync(file, authority.cert)
    const ports = [good.port, good.port, others.port, stranger.port]
    const outcomes = await askTrusting(
      file,
      ports.map((port) => ({ proxy: proxy.url(LOGIN), port, isSecure: true })),
    )
    rmSync(directory, { recursive: true, force: true })
    const refused = { cause: 'tls-failed', detail: expect.stringMatching(/^provider\.test: /) }
    expect(outcomes).toEqual([{ status: 200 }, { status: 200 }, refused, refused])
    expect(good.received.map(({ connection }) => connection)).toEqual([1, 1])
    expect([others.received, stranger.received]).toEqual([[], []])
    expect(proxy.visits.map(({ goals }) => goals)).toEqual(
      ports.slice(1).map((port) => [`provider.test:${port}`]),
    )
    await within(Promise.all(proxy.visits.map(({ gone }) => gone)), 'every connection to end')
  })

  it('that stalls is given up after the connect limit, and nothing stays open', async () => {
    const [proxy, silent] = [await proxyOf(kind), raw(() => {})]
    const sending = { proxy: proxy.url(), port: silent.port, isSecure: true }
    expect(await upstreamOf().send(sending, { connectMs: 200 })).toMatchObject({
      fault: {
        cause: 'connect-timeout',
        detail: 'provider.test by way of the proxy proxy.test: no connection within 200 ms',
      },
    })
    await within(only(proxy.visits).gone, 'the connection to the proxy to end')
    await within(only(silent.connections).gone, 'the tunnel to end')
  })

  it('is broken off with the request', async () => {
    const begun = Promise.withResolvers<void>()
    const silent = raw((connection) => connection.until((text) => text.length > 0).then(begun.resolve))
    const [proxy, abort] = [await proxyOf(kind), new AbortController()]
    const sending = { proxy: proxy.url(), port: silent.port, isSecure: true }
    const sent = upstreamOf().send(sending, { connectMs: 0 }, abort.signal)
    await within(begun.promise, 'TLS to begin')
    abort.abort()
    expect(await sent).toEqual({ kind: 'aborted' })
    await within(only(proxy.visits).gone, 'the connection to the proxy to end')
    await within(only(silent.connections).gone, 'the tunnel to end')
  })
})

describe('a proxy that refuses', () => {
  const refusal = async (kind: Kind, plan: ProxyPlan, login?: string) => {
    const [proxy, silent] = [await proxyOf(kind, plan), raw(() => {})]
    const sending = { proxy: proxy.url(login), port: silent.port, isSecure: true }
    const outcome = await within(upstreamOf().ask(sending), 'a refusal')
    await within(only(proxy.visits).gone, 'the connection to end')
    expect(silent.connections).toEqual([])
    expect(JSON.stringify(outcome)).not.toContain('CANARY-')
    return { ...outcome, detail: outcome.detail?.replace(String(silent.port), 'PORT') }
  }

  it.each<[words: string, kind: Kind, plan: ProxyPlan, login: string | undefined]>([
    [
      'refused a tunnel to provider.test:PORT (407: it wants other credentials)',
      'http',
      { credentials: LOGIN },
      undefined,
    ],
    [
      'refused a tunnel to provider.test:PORT (407: it wants other credentials)',
      'http',
      { credentials: LOGIN },
      'CANARY-user:wrong',
    ],
    ['refused a tunnel to provider.test:PORT (status 403)', 'http', { refusal: 403 }, undefined],
    ['refused a tunnel to provider.test:PORT (status 502)', 'http', { refusal: 502 }, undefined],
    ['takes nobody without credentials', 'socks5', { credentials: LOGIN }, undefined],
    ['refused the user name or the password', 'socks5', { credentials: LOGIN }, 'CANARY-user:wrong'],
    ...SOCKS_CODES.map(([code, words]): [string, Kind, ProxyPlan, undefined] => [
      `opened no tunnel to provider.test:PORT (${words}, code ${code})`,
      'socks5',
      { refusal: code },
      undefined,
    ]),
  ])('is quoted: %s', async (words, kind, plan, login) => {
    expect(await refusal(kind, plan, login)).toEqual({
      cause: 'egress-proxy',
      detail: `the proxy proxy.test ${words}`,
    })
  })
})

describe('what is no such proxy', () => {
  it.each<[what: string, kind: Kind, bytes: string]>([
    ['HTTP', 'socks5', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['one byte of nothing', 'socks5', '\0'],
    ['SOCKS4', 'socks5', '\0\x5a'],
    ['a method that was not offered', 'socks5', '\x05\x01'],
    ['a login that was not offered', 'socks5', '\x05\x02'],
    ['an address of no kind', 'socks5', '\x05\0\x05\0\0\x07'],
    ['more than it was asked', 'socks5', '\x05\0\x05\0\0\x01\0\0\0\0\0\0HTTP/1.1 200 OK\r\n\r\n'],
    ['SOCKS', 'http', '\x05\xff'],
    ['a head without an end', 'http', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(4_000)}`],
    ['no status', 'http', 'HTTP/1.1 what\r\n\r\n'],
    ['more than it was asked', 'http', 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ])('is found out without waiting for the limit: %s from a %s proxy', async (_what, kind, bytes) => {
    const fake = raw((connection) =>
      connection.until((text) => text.length > 0).then(() => connection.send(Buffer.from(bytes, 'latin1'))),
    )
    const sending = { proxy: `${kind}://${PROXY_HOST}:${fake.port}`, port: 443, isSecure: true }
    const sent = await within(upstreamOf().send(sending, { connectMs: 0 }), 'a fault')
    expect(sent).toMatchObject({ fault: { cause: 'egress-proxy', wasStaleConnection: false } })
    await within(only(fake.connections).gone, 'the connection to end')
  })

  it.each<[kind: Kind, answers: readonly string[]]>([
    ['http', ['HTTP/1.1 200 OK\r\n\r\n']],
    ['socks5', ['\x05\0', '\x05\0\0\x01\0\0\0\0\0\0']],
  ])('is found out when it opens a %s tunnel and closes it at once', async (kind, answers) => {
    const rude = raw(async (connection) => {
      let heard = 0
      for (const answer of answers) {
        await connection.until((text) => text.length > heard)
        heard = connection.text().length
        connection.send(Buffer.from(answer, 'latin1'))
      }
      connection.end()
    })
    const sending = { proxy: `${kind}://${PROXY_HOST}:${rude.port}`, port: 443, isSecure: true }
    const sent = await within(upstreamOf().send(sending, { connectMs: 0 }), 'a fault')
    expect(sent).toMatchObject({ fault: { cause: expect.stringMatching(/^(?:egress-proxy|tls-failed)$/) } })
    await within(only(rude.connections).gone, 'the connection to end')
  })

  it.each(KINDS)('is found out when it hangs up: %s', async (kind) => {
    const rude = raw((connection) => connection.until((text) => text.length > 0).then(connection.end))
    const sending = { proxy: `${kind}://${PROXY_HOST}:${rude.port}`, port: 443, isSecure: true }
    expect(await within(upstreamOf().ask(sending), 'a fault')).toEqual({
      cause: 'egress-proxy',
      detail: 'the proxy proxy.test closed the connection instead of answering',
    })
  })
})

describe.each<[kind: Kind, silentAt: Stage]>([
  ['http', 'request'],
  ['socks5', 'greeting'],
  ['socks5', 'login'],
  ['socks5', 'request'],
])('a %s proxy that falls silent at the %s', (kind, silentAt) => {
  const plan = { credentials: LOGIN, silentAt }

  it('is given up after the connect limit, and nothing stays open', async () => {
    const [proxy, simulator] = [await proxyOf(kind, plan), provider()]
    const sending = { proxy: proxy.url(LOGIN), port: simulator.port, isSecure: true }
    const sent = await within(upstreamOf().send(sending, { connectMs: 200 }), 'the limit')
    expect(sent).toMatchObject({ fault: { cause: 'connect-timeout' } })
    await within(only(proxy.visits).gone, 'the connection to end')
    expect([proxy.open, simulator.received]).toEqual([0, []])
  })

  it('is left when the request is given up, and nothing stays open', async () => {
    const [proxy, simulator, abort] = [await proxyOf(kind, plan), provider(), new AbortController()]
    const sending = { proxy: proxy.url(LOGIN), port: simulator.port, isSecure: true }
    const sent = upstreamOf().send(sending, { connectMs: 0 }, abort.signal)
    await within(proxy.silent, 'the proxy to fall silent')
    abort.abort()
    expect(await sent).toEqual({ kind: 'aborted' })
    await within(only(proxy.visits).gone, 'the connection to end')
    expect([proxy.open, simulator.received]).toEqual([0, []])
  })
})

describe('a proxy that cannot be read', () => {
  it.each([
    '',
    'CANARY-text',
    'proxy.test:3128',
    'https://CANARY-user:CANARY-pass@proxy.test:3128',
    'socks4://proxy.test:1080',
    'http://proxy.test',
    'socks5://CANARY-user:CANARY/pass@proxy.test:1080',
    `socks5://${'CANARY-'.repeat(40)}:x@proxy.test:1080`,
  ])('is a fault in words that do not repeat it, and nothing goes past it: %p', async (proxy) => {
    const simulator = provider()
    const outcome = await upstreamOf().ask({ proxy, host: '127.0.0.1', port: simulator.port })
    expect(outcome.cause).toBe('egress-proxy')
    expect(outcome.detail).toMatch(/^127\.0\.0\.1 cannot be reached by way of its proxy\. A .+\.$/)
    expect(outcome.detail).not.toContain('CANARY')
    expect(simulator.received).toEqual([])
  })
})

describe('a proxy of the network', () => {
  it.each(KINDS)('may be a %s one, and connections through it serve again', async (kind) => {
    const [proxy, simulator] = [await proxyOf(kind, { credentials: LOGIN }), provider()]
    const upstream = upstreamOf({ environment: { HTTP_PROXY: proxy.url(LOGIN) } })
    for (let n = 0; n < 2; n++) expect(await upstream.ask({ port: simulator.port })).toEqual({ status: 200 })
    expect(only(proxy.visits).logins[0]).toBe(LOGIN)
    expect(upstream.askedNames).toEqual([PROXY_HOST])
  })
})

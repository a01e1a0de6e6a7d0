/** Faults 1–10 of `faults.md` §1: names, connections and TLS. */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as reply from '../../src/simulator/replies.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { hasBlackHoles, openBlackHole } from '../support/black-hole.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { only } from '../support/first.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { answerOn, headerOf } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { hasHead, startRawUpstream } from '../support/raw-upstream.ts'
import { requestBytes } from '../support/requests.ts'
import { hasTool } from '../support/tools.ts'
import { sendOver } from '../support/upstream.ts'
import { within } from '../support/within.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const QUICK = { retryDelayMs: 0, connectTimeoutMs: 300 }

/** A port on which nobody listens. */
function deadUrl(): string {
  const simulator = startSimulator()
  simulator.stop()
  return simulator.url
}

/** Account a is at `baseUrl`, account b is well; then only a is left. */
async function both(baseUrl: string, settings: Readonly<Record<string, unknown>> = {}) {
  world = await openWorld({
    accounts: [
      { name: 'a', baseUrl },
      { name: 'b', priority: 1 },
    ],
    settings: { ...QUICK, ...settings },
  })
  const helped = await within(world.ask({ stream: true }), 'an answer by way of b')
  await helped.text()
  await world.api.pauseAccount({ params: { id: 'b' } })
  const alone = await within(world.ask({ stream: true }), 'an answer without b')
  const body = await alone.text()
  const rows = await world.rows(2)
  const a = await world.api.showAccount({ params: { id: 'a' } })
  return { helped, alone, body, rows, a }
}

function expectFault(result: Awaited<ReturnType<typeof both>>, cause: string): void {
  const { helped, alone, body, rows, a } = result
  expect(helped.status).toBe(200)
  expect(helped.headers.get('x-spillway-account')).toBe('b')
  expect(rows[0]?.attempts.map(({ account, failure }) => [account, failure])).toEqual([
    ['a', cause],
    ['b', undefined],
  ])
  expect(alone.status).toBe(503)
  expect(Number(alone.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(JSON.parse(body)).toMatchObject({ type: 'error', error: { type: 'api_error' } })
  expect(rows[1]).toMatchObject({ outcome: 'upstream-error', status: 503 })
  expect(a).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
}

describe('row 1: a refused connection', () => {
  it('is another account’s chance, and nobody’s fault', async () => {
    expectFault(await both(deadUrl()), 'connect-refused')
  })
})

describe('row 2: a connection that is swallowed', () => {
  it.if(hasBlackHoles)('is given up after the connect limit', async () => {
    const hole = await openBlackHole()
    expectFault(await both(`http://127.0.0.1:${hole.port}`), 'connect-timeout')
    hole.stop()
  })
})

describe('row 3: a name that does not exist', () => {
  it('is another account’s chance, and nobody’s fault', async () => {
    expectFault(await both('http://provider.invalid'), 'dns-failed')
  })
})

describe('row 4: a slow name server', () => {
  it('is bounded by the connect limit and holds nobody else up', async () => {
    world = await openWorld()
    const never = new Promise<readonly string[]>(() => {})
    const slow = sendOver({ host: 'slow.test', port: 1, connectMs: 400, lookup: () => never })
    const others = await Promise.all(
      Array.from({ length: 50 }, (_, index) => world.ask({ system: `c${index}` })),
    )
    expect(others.map(({ status }) => status)).toEqual(others.map(() => 200))
    expect(await slow).toMatchObject({ kind: 'fault', fault: { cause: 'connect-timeout' } })
  })
})

describe('row 5: a name that comes to lead to a forbidden address', () => {
  it.each(['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', '100.100.100.200'])(
    'is refused before any connection: %s',
    async (address) => {
      world = await openWorld()
      const sent = await sendOver({ host: 'provider.test', port: 80, lookup: async () => [address] })
      expect(sent).toMatchObject({ kind: 'fault', fault: { cause: 'blocked-address' } })
    },
  )

  it('cannot be an account’s address in the first place', async () => {
    world = await openWorld({ accounts: [] })
    const body = {
      name: 'x',
      provider: 'console',
      apiKey: 'CANARY-x',
      baseUrl: 'http://169.254.169.254/latest',
    }
    await expect(world.api.addAccount({ body })).rejects.toThrow(/link-local/)
  })
})

describe('row 6: a certificate that does not hold', () => {
  it('is refused when nobody has vouched for it, whatever it says', async () => {
    const certificate = await createCertificate({ host: 'localhost', address: '127.0.0.1' })
    const provider = startSimulator({ tls: certificate })
    const result = await both(provider.url)
    expectFault(result, 'tls-failed')
    expect(result.body).toContain('a: ')
    expect(provider.received).toEqual([])
    provider.stop()
  })

  it('is refused when it is expired or another’s, although its authority is trusted; a good one is taken', async () => {
    world = await openWorld({ accounts: [] })
    const authority = await createAuthority()
    const day = 86_400_000
    const plans = {
      good: { address: '127.0.0.1' },
      expired: {
        address: '127.0.0.1',
        notBefore: new Date(Date.now() - 9 * day),
        notAfter: new Date(Date.now() - day),
      },
      early: {
        address: '127.0.0.1',
        notBefore: new Date(Date.now() + day),
        notAfter: new Date(Date.now() + 9 * day),
      },
      others: { host: 'other.example', address: '192.0.2.1' },
    }
    const directory = mkdtempSync(join(tmpdir(), 'spillway-tls-'))
    writeFileSync(join(directory, 'authority.pem'), authority.cert)
    const child = await startGatewayProcess({
      dataDirectory: directory,
      environment: { NODE_EXTRA_CA_CERTS: join(directory, 'authority.pem'), SPILLWAY_RETRY_DELAY_MS: '0' },
    })
    const seen: Record<string, unknown> = {}
    for (const [name, plan] of Object.entries(plans)) {
      const provider = startSimulator({ tls: await createCertificate({ ...plan, authority }) })
      await child.api.addAccount({
        body: { name, provider: 'console', apiKey: keyOf(name), baseUrl: provider.url },
      })
      const { ok, message } = await child.api.testAccount({ params: { id: name } })
      const answer = await fetch(`${child.url}/v1/models`)
      await answer.text()
      seen[name] = { ok, status: answer.status, requests: provider.received.length, message }
      await child.api.removeAccount({ params: { id: name } })
      provider.stop()
    }
    await child.kill()
    rmSync(directory, { recursive: true, force: true })
    const refused = {
      ok: false,
      status: 503,
      requests: 0,
      message: expect.stringMatching(/certificate|altnames/i),
    }
    expect(seen).toEqual({
      good: { ok: true, status: 200, requests: 2, message: expect.any(String) },
      expired: refused,
      early: refused,
      others: refused,
    })
  })
})

describe('row 7: a TLS handshake that stalls', () => {
  it('is given up after the connect limit', async () => {
    const silent = startRawUpstream(() => {})
    expectFault(await both(silent.url.replace('http:', 'https:')), 'connect-timeout')
    silent.stop()
  })

  it('is no different when the other side hangs up in its middle', async () => {
    const rude = startRawUpstream((connection) =>
      connection.until((text) => text.length > 0).then(connection.end),
    )
    expectFault(await both(rude.url.replace('http:', 'https:')), 'tls-failed')
    rude.stop()
  })
})

describe('row 8: an address that does not answer (as with broken IPv6)', () => {
  it.if(hasBlackHoles)('keeps the next one waiting for a moment only', async () => {
    world = await openWorld()
    const { port } = world.simulator
    const hole = await openBlackHole('127.0.0.2', port)
    const started = performance.now()
    const sent = await sendOver({
      host: 'provider.test',
      port,
      lookup: async () => ['127.0.0.2', '127.0.0.1'],
    })
    expect(sent).toMatchObject({ kind: 'answer', answer: { status: 200 } })
    expect(performance.now() - started).toBeLessThan(1_500)
    hole.stop()
  })

  it('is passed over at once when it refuses', async () => {
    world = await openWorld()
    const { port } = world.simulator
    const sent = await sendOver({ host: 'provider.test', port, lookup: async () => ['::1', '127.0.0.1'] })
    expect(sent).toMatchObject({ kind: 'answer', answer: { status: 200 } })
  })
})

describe('row 9: a proxy of the network that refuses', () => {
  const through = async (provider: string, answer: string) => {
    const proxy = startRawUpstream(async (connection) => {
      await connection.until(hasHead)
      connection.send(answer)
    })
    world = await openWorld({
      accounts: [
        { name: 'a', baseUrl: provider },
        { name: 'b', priority: 1, baseUrl: provider },
      ],
      environment: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url },
      settings: { retryDelayMs: 60_000 },
    })
    const asked = await within(world.ask(), 'a quick refusal')
    const row = only(await world.rows(1))
    proxy.stop()
    return { asked, row, heard: proxy.connections.map((connection) => connection.text()) }
  }
  const REFUSAL =
    'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'

  it.each([
    ['407', REFUSAL],
    ['403', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'],
    ['502', 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n'],
    ['no word of HTTP', 'no\r\n\r\n'],
  ])('with %s ends the request quickly, and no secret has gone to it', async (_what, answer) => {
    const { asked, row, heard } = await through('https://provider.test', answer)
    expect(asked.status).toBe(503)
    expect(row.attempts.map(({ failure }) => failure)).toEqual(['egress-proxy', 'egress-proxy'])
    for (const text of heard) {
      expect(text).toStartWith('CONNECT provider.test:443 HTTP/1.1\r\n')
      expect(text).not.toContain('CANARY-')
    }
  })

  it('a plain request is the proxy’s failure too, and not the client’s', async () => {
    const { asked, row } = await through('http://127-0-0-1.provider.test', REFUSAL)
    expect(asked.status).toBe(503)
    expect(row.attempts.map(({ failure }) => failure)).toEqual(['egress-proxy', 'egress-proxy'])
  })
})

describe('row 10: no descriptor is left', () => {
  it.if(hasTool('prlimit'))(
    'for a connection: 503 for a moment, and all is well when there are some again',
    async () => {
      world = await openWorld({ accounts: [] })
      const directory = mkdtempSync(join(tmpdir(), 'spillway-descriptors-'))
      const child = await startGatewayProcess({
        dataDirectory: directory,
        prefix: ['prlimit', '--nofile=96:96'],
        environment: { SPILLWAY_RETRY_DELAY_MS: '0' },
      })
      await child.api.addAccount({
        body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: world.simulator.url },
      })
      world.simulator.always(keyOf('a'), reply.whole(200, '{"type":"message"}', [['connection', 'close']]))
      const client = await connectRaw(child.url)
      const hogs = await Promise.all(Array.from({ length: 120 }, () => connectRaw(child.url)))
      client.write(requestBytes())
      const refused = await answerOn(client)
      expect(refused.status).toBe(503)
      for (const hog of hogs) hog.vanish()
      client.close()
      const again = await connectRaw(child.url)
      again.write(requestBytes())
      expect(await answerOn(again)).toMatchObject({ status: 200 })
      const { requests } = await child.api.listRequests({ query: {} })
      await child.kill()
      rmSync(directory, { recursive: true, force: true })
      expect(requests.at(-1)?.attempts.at(-1)).toMatchObject({ failure: 'no-sockets' })
      expect(headerOf(refused, 'retry-after')).toBe('1')
    },
  )
})

/** Faults 11–22 of `faults.md` §2: between the request and the head of its answer. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import { last, only } from '../support/first.ts'
import { answerOn, exchange, headerOf, parseAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { hasHead, type RawConnection, startRawUpstream } from '../support/raw-upstream.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const MESSAGE = '{"type":"message","usage":{"input_tokens":1,"output_tokens":1}}'
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${MESSAGE.length}\r\n\r\n${MESSAGE}`
const QUICK = { retryDelayMs: 0, retryAttempts: 2 }
const two = ['a', { name: 'b', priority: 1 }]
const account = (name: string) => world.api.showAccount({ params: { id: name } })

/** Account a behaves so; b is well. Then b is paused, and a is alone. */
async function both(broken: reply.Reply, settings: Readonly<Record<string, unknown>> = QUICK) {
  world = await openWorld({ accounts: two, settings })
  world.simulator.always(keyOf('a'), broken)
  const helped = await within(world.ask(), 'an answer by way of b')
  await helped.text()
  await world.api.pauseAccount({ params: { id: 'b' } })
  const alone = await within(world.ask(), 'an answer without b')
  const body = await alone.text()
  return { helped, alone, body, rows: await world.rows(2) }
}

async function expectFault(broken: reply.Reply, cause: string): Promise<void> {
  const { helped, alone, body, rows } = await both(broken)
  expect(helped.status).toBe(200)
  expect(helped.headers.get('x-spillway-account')).toBe('b')
  expect(rows[0]?.attempts[0]).toMatchObject({ account: 'a', failure: cause })
  expect(alone.status).toBe(503)
  expect(JSON.parse(body)).toMatchObject({ type: 'error', error: { type: 'api_error' } })
  expect(rows[1]).toMatchObject({
    outcome: 'upstream-error',
    attempts: [{ failure: cause }, { failure: cause }],
  })
  expect(await account('a')).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
}

describe('row 11: a reset of a new connection after the request was sent', () => {
  it('is another account’s chance', async () => {
    await expectFault([reply.reset], 'reset')
  })

  it('is tried on each other account once, and not for ever', async () => {
    world = await openWorld({ accounts: ['a', 'b', 'c'], settings: { ...QUICK, retryAttempts: 1 } })
    for (const name of ['a', 'b', 'c']) world.simulator.always(keyOf(name), [reply.reset])
    expect((await world.ask()).status).toBe(503)
    expect(world.simulator.received.map(({ key }) => key).toSorted()).toEqual(['a', 'b', 'c'].map(keyOf))
  })
})

describe('row 12: an idle connection that the upstream has given up', () => {
  it.each([
    ['a reset', reply.reset],
    ['an orderly end', reply.close],
  ])('with %s costs nothing: the same account, a new connection, no budget', async (_what, ending) => {
    world = await openWorld({ accounts: two, settings: { ...QUICK, retryAttempts: 1 } })
    const seen = new Map<number, number>()
    world.simulator.always(keyOf('a'), ({ connection }: Received) => {
      seen.set(connection, (seen.get(connection) ?? 0) + 1)
      return seen.get(connection) === 1 ? reply.whole(200, MESSAGE) : [ending]
    })
    for (let count = 0; count < 15; count++) {
      const answer = await world.ask({ stream: false, system: `c${count}` })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('x-spillway-account')).toBe('a')
      await answer.text()
    }
    const rows = await world.rows(15)
    for (const row of rows.slice(1)) {
      expect(row.attempts).toMatchObject([
        { account: 'a', failure: 'reset' },
        { account: 'a', status: 200 },
      ])
    }
  })

  it('while it lay idle is noticed before it is used again', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), [...reply.whole(200, MESSAGE), reply.close])
    for (let count = 0; count < 3; count++) {
      await (await world.ask()).text()
      await eventually(() => world.simulator.connections === 0 || undefined, 'the connection to end')
    }
    for (const row of await world.rows(3)) expect(row.attempts).toHaveLength(1)
  })
})

describe('row 13: an idle connection whose other side has vanished', () => {
  it('is not used any more when the upstream has said how long it keeps it', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.whole(200, MESSAGE, [['keep-alive', 'timeout=1']]))
    for (let count = 0; count < 3; count++) await (await world.ask()).text()
    expect(new Set(world.simulator.received.map(({ connection }) => connection)).size).toBe(3)
  })
})

describe('row 14: an end in the middle of the head', () => {
  it.each(['HTTP/1.1', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\ncontent-type: text/event-str'])(
    'after %p is another account’s chance',
    async (start) => {
      await expectFault([reply.send(start), reply.close], 'bad-response')
    },
  )
})

describe('row 15: something that is not HTTP', () => {
  it.each([
    ['a TLS alert', '\u0015\u0003\u0001\u0000\u0002\u0002\u0046'],
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an old HTTP', 'HTTP/0.9 200 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 two OK\r\n\r\n'],
    ['a status beyond all', 'HTTP/1.1 999 Odd\r\n\r\n'],
    ['zeros', '\u0000'.repeat(64)],
  ])('(%s) does not hang anybody', async (_what, garbage) => {
    await expectFault([reply.send(garbage), reply.stall], 'bad-response')
  })

  it('because it switches protocols unasked is refused', async () => {
    await expectFault(
      [reply.send('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n')],
      'bad-response',
    )
  })
})

describe('row 16: a large head', () => {
  it('of 40 KB passes', async () => {
    world = await openWorld()
    const long = 'x'.repeat(40 << 10)
    world.simulator.always(keyOf('a'), reply.whole(200, MESSAGE, [['x-long', long]]))
    const answer = await exchange(world.url, requestBytes())
    expect(answer.status).toBe(200)
    expect(headerOf(answer, 'x-long')).toBe(long)
  })

  it('of more than 64 KB is refused, and so is one that never ends', async () => {
    await expectFault(reply.whole(200, MESSAGE, [['x-long', 'x'.repeat(70 << 10)]]), 'bad-response')
    await world.stop()
    await expectFault(
      [reply.send(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(70 << 10)}`), reply.stall],
      'bad-response',
    )
  })
})

describe('row 17: no head at all', () => {
  it('is a time-out for the client, and the request is not sent again', async () => {
    world = await openWorld({ settings: { ...QUICK, headersTimeoutMs: 150, totalTimeoutMs: 150 } })
    world.simulator.always(keyOf('a'), [reply.stall])
    for (const stream of [true, false]) {
      const answer = await world.ask({ stream })
      expect(answer.status).toBe(504)
      expect(JSON.parse(await answer.text())).toMatchObject({ error: { type: 'timeout_error' } })
    }
    expect(world.simulator.received).toHaveLength(2)
    await last(world.simulator.received).abandoned
    expect(last(await world.rows(2))).toMatchObject({
      outcome: 'upstream-error',
      status: 504,
      usageComplete: false,
      attempts: [{ account: 'a', failure: 'headers-timeout' }],
    })
  })

  it('is still a time-out when others were left that it was too late to ask', async () => {
    world = await openWorld({ accounts: two, settings: { headersTimeoutMs: 200, patienceMs: 100 } })
    world.simulator.always(keyOf('a'), [reply.stall])
    const answer = await world.ask({ stream: true })
    expect(world.simulator.requestsOf(keyOf('b'))).toEqual([])
    expect(answer.status).toBe(504)
    expect(JSON.parse(await answer.text())).toMatchObject({ error: { type: 'timeout_error' } })
  })

  it('may last for the whole time of an answer that is not streamed', async () => {
    world = await openWorld({ settings: { headersTimeoutMs: 50, idleTimeoutMs: 50 } })
    world.simulator.always(keyOf('a'), [reply.wait(300), ...reply.whole(200, MESSAGE)])
    expect((await world.ask({ stream: false })).status).toBe(200)
  })
})

describe('row 18: interim answers', () => {
  it('are dropped, however many there are, and the final one is intact', async () => {
    world = await openWorld()
    const interim = [
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 102 Processing\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n',
    ]
    for (const pieces of [interim.map(reply.send), [reply.send(interim.join(''))]]) {
      world.simulator.script(keyOf('a'), [...pieces, ...reply.whole(200, MESSAGE)])
      const client = await connectRaw(world.url)
      client.write(requestBytes())
      const answer = await answerOn(client)
      expect(client.text()).toStartWith('HTTP/1.1 200')
      expect(answer.body.toString()).toBe(MESSAGE)
      expect(headerOf(answer, 'link')).toBeUndefined()
      client.close()
    }
  })
})

describe('row 19: a final answer while the request is still being sent', () => {
  const BODY = bodyOf({ system: 'x'.repeat(24 << 20) })
  const early = (status: number, type: string) => async (connection: RawConnection) => {
    await connection.until(hasHead)
    const body = JSON.stringify({ type: 'error', error: { type, message: 'Early.' } })
    connection.send(
      `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  }

  it('(413) reaches the client at once, and the connection is not used again', async () => {
    const provider = startRawUpstream(early(413, 'request_too_large'))
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: provider.url }] })
    const answer = await exchange(world.url, requestBytes({ body: BODY }))
    expect(answer.status).toBe(413)
    expect(answer.body.toString()).toContain('Early.')
    await within(last(provider.connections).gone, 'the connection to end')
    await exchange(world.url, requestBytes({ body: BODY }))
    expect(provider.connections).toHaveLength(2)
    provider.stop()
  })

  it.each([
    [401, 'authentication_error'],
    [429, 'rate_limit_error'],
    [529, 'overloaded_error'],
  ])('(%p) is treated as it always is: another account', async (status, type) => {
    const provider = startRawUpstream(early(status, type))
    world = await openWorld({
      accounts: [
        { name: 'a', baseUrl: provider.url },
        { name: 'b', priority: 1 },
      ],
    })
    const answer = await exchange(world.url, requestBytes({ body: BODY }))
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
    expect(last(world.simulator.received).body.length).toBe(BODY.length)
    await within(last(provider.connections).gone, 'the connection to end')
    provider.stop()
  })

  it('of our own (401) reaches a client that is still uploading', async () => {
    world = await openWorld({ settings: { requireKeys: 'always' } })
    const client = await connectRaw(world.url)
    const bytes = requestBytes({ body: bodyOf({ system: 'x'.repeat(1 << 20) }) })
    client.write(bytes.subarray(0, 1_000))
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 401, isWhole: true })
    expect(headerOf(answer, 'connection')).toBe('close')
    client.write(bytes.subarray(1_000))
    expect(parseAnswer(client.received())).toMatchObject({ status: 401, isWhole: true })
    await client.ended
  })
})

describe('row 20: a client that waits for 100 Continue', () => {
  const head = (length: number, ...lines: readonly string[]) =>
    `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`

  it('gets it, and then its answer', async () => {
    world = await openWorld()
    const client = await connectRaw(world.url)
    client.write(head(bodyOf().length))
    await client.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n')
    client.write(bodyOf())
    expect(await answerOn(client)).toMatchObject({ status: 200 })
    expect(only(world.simulator.received).headers.map(([name]) => name)).not.toContain('expect')
    client.close()
  })

  it('gets 401 or 413 instead, before it has sent anything', async () => {
    world = await openWorld({ settings: { maxBodyBytes: 2_048 } })
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    for (const [text, status] of [
      [head(100), 401],
      [head(100, 'x-api-key: spk_wrong'), 401],
      [head(100_000, `x-api-key: ${secret}`), 413],
      [head(100, `x-api-key: ${secret}`, 'content-encoding: gzip'), 415],
      [head(100, `x-api-key: ${secret}`, 'origin: http://evil.example'), 403],
    ] as const) {
      const client = await connectRaw(world.url)
      client.write(text)
      expect(await answerOn(client)).toMatchObject({ status, isWhole: true })
      expect(client.text()).toStartWith(`HTTP/1.1 ${status}`)
      client.close()
    }
    expect(world.simulator.received).toEqual([])
  })
})

describe('row 21: a head that can be read in two ways', () => {
  it.each([
    ['both lengths', 'content-length: 5\r\ntransfer-encoding: chunked\r\n'],
    ['two lengths', 'content-length: 5\r\ncontent-length: 6\r\n'],
    ['twice the same length', 'content-length: 5\r\ncontent-length: 5\r\n'],
    ['two codings', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n'],
    ['an unknown coding', 'transfer-encoding: gzip, chunked\r\n'],
    ['a length that is none', 'content-length: 5x\r\n'],
    ['a negative length', 'content-length: -5\r\n'],
    ['a length in a list', 'content-length: 5, 5\r\n'],
    ['a NUL', 'x-a: b\u0000c\r\n'],
    ['a lone carriage return', 'x-a: b\rx-c: d\r\n'],
    ['a lone line feed', 'x-a: b\nx-c: d\r\n'],
    ['a folded field', 'x-a: b\r\n c\r\n'],
    ['a space before the colon', 'content-length : 5\r\n'],
    ['a field without a name', ': b\r\n'],
  ])('(%s) is refused, and its connection ends', async (_what, fields) => {
    const provider = startRawUpstream(async (connection) => {
      await connection.until(hasHead)
      connection.send(`HTTP/1.1 200 OK\r\n${fields}\r\n5\r\nhello\r\n0\r\n\r\n`)
    })
    world = await openWorld({
      accounts: [
        { name: 'a', baseUrl: provider.url },
        { name: 'b', priority: 1 },
      ],
    })
    const answer = await exchange(world.url, requestBytes())
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
    expect(only(await world.rows(1)).attempts[0]).toMatchObject({ account: 'a', failure: 'bad-response' })
    await within(only(provider.connections).gone, 'the connection to end')
    provider.stop()
  })
})

describe('row 22: a redirect', () => {
  it.each([301, 302, 303, 307, 308])('(%p) is not followed, and another account is asked', async (status) => {
    const elsewhere = startRawUpstream((connection) => connection.send(ANSWER))
    const { helped, alone, body, rows } = await both(reply.whole(status, '', [['location', elsewhere.url]]))
    expect(helped.headers.get('x-spillway-account')).toBe('b')
    expect(alone.status).toBe(503)
    expect(body).not.toContain(elsewhere.url)
    expect(rows[1]?.attempts).toMatchObject([{ account: 'a', status, failure: 'redirect' }])
    expect(elsewhere.connections).toEqual([])
    elsewhere.stop()
  })

  it('that says "not modified" is no redirect', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), [reply.send('HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n')])
    const client = await connectRaw(world.url)
    client.write('GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nif-none-match: "1"\r\n\r\n')
    await client.until(hasHead)
    expect(client.text()).toStartWith('HTTP/1.1 304')
    client.close()
  })
})

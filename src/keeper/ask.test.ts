/** The gateway’s own questions: marked, bounded in time and size, and whatever goes wrong is a value. */
import { describe, expect, it } from 'bun:test'
import { plainSecrets } from '../../test/support/keeping.ts'
import { idOf } from '../../test/support/samples.ts'
import { type Direction, stagedUpstream } from '../../test/support/staged-upstream.ts'
import { tickingClock } from '../../test/support/ticking-clock.ts'
import { writeNetwork } from '../core/network.ts'
import type { BodyEnd, Upstream, UpstreamRequest } from '../core/ports/upstream.ts'
import { SECOND } from '../core/time.ts'
import { html, type Reply, whole } from '../simulator/replies.ts'
import { type Asked, ask, networkOf, proxyOf, type Question } from './ask.ts'

const QUESTION: Question = {
  endpoint: { isSecure: true, host: 'provider.test', port: 443, path: '' },
  method: 'GET',
  path: '/api/oauth/usage',
  headers: [['authorization', 'Bearer CANARY-token']],
  proxy: undefined,
}

describe('a question', () => {
  it('is marked as the gateway’s own, and carries what it was given (G14)', async () => {
    const { sent } = await put({ ...QUESTION, method: 'POST', body: '{"a":1}', proxy: 'http://127.0.0.1:9' })
    expect(sent).toMatchObject({
      endpoint: QUESTION.endpoint,
      method: 'POST',
      target: '/api/oauth/usage',
      proxy: 'http://127.0.0.1:9',
      fresh: false,
    })
    expect(sent.headers).toEqual([
      ['accept', 'application/json'],
      ['user-agent', 'spillway'],
      ['authorization', 'Bearer CANARY-token'],
    ])
    expect(String(sent.body)).toBe('{"a":1}')
  })

  it('is answered with status, headers and the whole body', async () => {
    const reply = whole(418, 'naïve 組', [['x-a', 'b']])
    expect((await put(QUESTION, { reply })).asked).toMatchObject({
      kind: 'answer',
      status: 418,
      headers: expect.arrayContaining([['x-a', 'b']]),
      body: 'naïve 組',
    })
  })

  it.each<[string, Reply, number]>([
    ['an empty answer', whole(204, ''), 204],
    ['a page', html(200), 200],
    ['a redirect, which is not followed', whole(302, '', [['location', 'https://evil.example/']]), 302],
  ])('takes %s for what it is', async (_what, reply, status) => {
    expect((await put(QUESTION, { reply })).asked).toMatchObject({ kind: 'answer', status })
  })

  it('that wants no body reads none', async () => {
    const { asked } = await put(
      { ...QUESTION, wantsNoBody: true },
      { reply: whole(200, 'x'.repeat(1 << 20)) },
    )
    expect(asked).toMatchObject({ kind: 'answer', status: 200, body: '' })
  })

  it.each<[Direction, string, string]>([
    ['refuse', 'connect-refused', 'provider.test: connect-refused'],
    ['break', 'reset', 'provider.test: reset'],
    [
      { reply: whole(200, 'x'.repeat((256 << 10) + 1)) },
      'bad-response',
      'provider.test: its answer broke off or was too long',
    ],
  ])('that meets %j fails in words that name the host and nothing else', async (direction, cause, detail) => {
    const { asked } = await put(QUESTION, direction)
    expect(asked).toEqual({ kind: 'fault', cause: cause as 'reset', detail })
  })

  it('takes an answer of the most that it may have', async () => {
    const { asked } = await put(QUESTION, { reply: whole(200, 'x'.repeat(256 << 10)) })
    expect(asked).toMatchObject({ kind: 'answer', status: 200 })
  })

  it.each<BodyEnd['end']>(['reset', 'short', 'idle', 'framing'])(
    'whose answer ends with %s has none',
    async (end) => {
      expect(await putTo(breaking(end))).toMatchObject({ kind: 'fault', cause: 'bad-response' })
    },
  )

  it('is given up after twenty seconds, also when its answer dribbles on', async () => {
    const clock = tickingClock()
    let isCancelled = false
    const dribbling: Upstream = {
      send: async (_request, _limits, signal) => ({
        kind: 'answer',
        answer: {
          status: 200,
          headers: [],
          contentLength: undefined,
          body: {
            isComplete: false,
            async read() {
              if (signal.aborted) return { end: 'cancelled' }
              await clock.sleep(SECOND, signal)
              return signal.aborted ? { end: 'cancelled' } : new Uint8Array([0x20])
            },
            cancel() {
              isCancelled = true
            },
          },
        },
      }),
    }
    const asked = ask({ upstream: dribbling, clock }, QUESTION)
    await clock.advance(21 * SECOND)
    expect(await asked).toEqual({
      kind: 'fault',
      cause: 'headers-timeout',
      detail: 'provider.test: no whole answer within 20 s',
    })
    expect([clock.timers, isCancelled]).toEqual([0, false])
  })

  it('leaves no timer behind', async () => {
    const { clock } = await put(QUESTION)
    expect(clock.timers).toBe(0)
  })
})

describe('the way of an account', () => {
  const id = idOf('a')
  const sealed = (network: Parameters<typeof writeNetwork>[0]) =>
    plainSecrets.seal('account-network', id, writeNetwork(network))

  it('is its own proxy and headers, where it has some', () => {
    const network = { proxy: 'socks5://127.0.0.1:1', headers: { 'x-team': 'blue' } }
    expect(networkOf({ id, network: sealed(network) }, plainSecrets)).toEqual(network)
    expect(proxyOf({ id, network: sealed(network) }, plainSecrets)).toBe('socks5://127.0.0.1:1')
  })

  it('is everybody’s where it has none', () => {
    expect(networkOf({ id, network: undefined }, plainSecrets)).toEqual({})
    expect(proxyOf({ id, network: sealed({ headers: {} }) }, plainSecrets)).toBeUndefined()
  })
})

async function put(question: Question, direction: Direction = { reply: whole(200, '{}') }) {
  const clock = tickingClock()
  const upstream = stagedUpstream(clock)
  upstream.direct = () => direction
  const sent: UpstreamRequest[] = []
  const watched: Upstream = {
    send(request, limits, signal) {
      sent.push(request)
      return upstream.send(request, limits, signal)
    },
  }
  const asked = await ask({ upstream: watched, clock }, question)
  const [first] = sent
  if (first === undefined || sent.length > 1) throw new Error(`Sent ${sent.length} requests instead of one.`)
  return { asked, clock, sent: first }
}

const putTo = (upstream: Upstream): Promise<Asked> => ask({ upstream, clock: tickingClock() }, QUESTION)

/** Half an answer, and then such an end. */
function breaking(end: BodyEnd['end']): Upstream {
  let isBegun = false
  return {
    send: async () => ({
      kind: 'answer',
      answer: {
        status: 200,
        headers: [],
        contentLength: 99,
        body: {
          isComplete: false,
          async read() {
            if (isBegun) return { end }
            isBegun = true
            return Buffer.from('{"five_hour"')
          },
          cancel() {},
        },
      },
    }),
  }
}

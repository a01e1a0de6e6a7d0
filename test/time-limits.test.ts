/**
 * Upstreams that fall silent are given up, in every phase and whatever was asked of them; a
 * client that stays gets an end. What ends a wait is a setting, one for each phase.
 */
import { afterEach, expect, it } from 'bun:test'
import { streamEvents } from '../src/simulator/events.ts'
import * as reply from '../src/simulator/replies.ts'
import { richMessage, STALLED_STREAM } from './support/sdk.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const LIMIT_MS = 250
const SHORT = {
  headersTimeoutMs: LIMIT_MS,
  contentTimeoutMs: LIMIT_MS,
  idleTimeoutMs: LIMIT_MS,
  totalTimeoutMs: LIMIT_MS,
  retryDelayMs: 1,
}
/** A test that waits in vain fails by this. */
const PATIENCE_MS = 10_000

const EVENTS = streamEvents(richMessage({ number: 1, body: Buffer.alloc(0) }))
const NO_CONTENT = reply.brokenStream(EVENTS.slice(0, 3), [reply.stall])
const HALF_A_MESSAGE: reply.Reply = [
  reply.send(
    `${reply.head(200, [
      ['content-type', 'application/json'],
      ['content-length', '500'],
    ])}{"id":"msg_000001",`,
  ),
  reply.stall,
]

it.each<[string, boolean, reply.Reply]>([
  ['before the head of a stream', true, [reply.stall]],
  ['before the head of a whole answer', false, [reply.stall]],
  ['before the content of a stream', true, NO_CONTENT],
  ['before the content of a stream that nobody asked for', false, NO_CONTENT],
])(
  'silence %s ends in 504',
  async (_when, stream, upstream) => {
    await open(upstream)
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({ error: { type: 'timeout_error' } })
    await world.simulator.received[0]?.abandoned
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'upstream-error', status: 504 })
  },
  PATIENCE_MS,
)

it.each<[string, boolean, reply.Reply]>([
  ['of a stream', true, STALLED_STREAM],
  ['of a whole answer', false, HALF_A_MESSAGE],
  ['of a whole answer that nobody asked for', true, HALF_A_MESSAGE],
  ['of a stream that nobody asked for', false, STALLED_STREAM],
])(
  'silence in the middle %s ends it, and it shows',
  async (_of, stream, upstream) => {
    await open(upstream)
    const text = world.ask({ stream }).then((answer) => answer.text())
    expect(await fateOf(text)).toMatchObject({ code: 'ECONNRESET' })
    await world.simulator.received[0]?.abandoned
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated', status: 200 })
  },
  PATIENCE_MS,
)

async function open(upstream: reply.Reply): Promise<void> {
  world = await openWorld({ settings: SHORT })
  world.simulator.always(keyOf('a'), upstream)
}

const fateOf = (call: Promise<unknown>): Promise<unknown> => call.then(undefined, (error: unknown) => error)

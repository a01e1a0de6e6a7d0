/** Failover before the first content byte, streamed and not (`faults.md` 1–53). */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

describe.each([true, false])('with stream: %p', (stream) => {
  it.each<[string, reply.Reply]>([
    ['500', reply.serverError],
    ['529', reply.overloaded],
    ['401', reply.unauthorized],
    ['403', reply.forbidden],
    ['a 429 with a wait', reply.throttled(30)],
    ['a 429 without any limit header', reply.refusedWithoutReason],
    ['a 404 for the model', reply.unknownModel('claude-sonnet-5-5')],
    ['a reset before the head', [reply.reset]],
    ['an orderly end before the head', [reply.close]],
    ['garbage', [reply.send('\u0016\u0003\u0001 not http\r\n\r\n')]],
  ])('goes on to the next account after %s', async (_what, broken) => {
    world = await openWorld({ accounts: ['first', { name: 'second', priority: 1 }] })
    world.simulator.always(keyOf('first'), broken)
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-spillway-account')).toBe('second')
    await answer.text()
  })
})

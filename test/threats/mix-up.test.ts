/** Threat 8 of `faults.md`: somebody else’s answer. Many streams at once, each with its own id, many of them left. */
import { afterEach, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import { createDice } from '../support/random.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const CLIENTS = 400
const TURNS = 3
const idOf = ({ body }: Received): string => JSON.parse(body.toString()).system

/** Says whose it is in every event, with pauses in which others get their turn. */
function signed(request: Received): reply.Reply {
  const id = idOf(request)
  const event = (type: string, more: object = {}): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more, id })}\n\n`
  const start = event('message_start', { message: { usage: { input_tokens: 1, output_tokens: 1 } } })
  const blocks = Array.from({ length: 6 }, (_, index) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: `${id}/${index}` } }),
  )
  const events = [start, event('content_block_start', { index: 0 }), ...blocks, event('message_stop')]
  return reply.eventStream(events, [reply.wait(1)])
}

const idsIn = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/call-\d+-\d+/g)].map(([id]) => id))

it('never reaches a client: each sees its own id and no other, whoever leaves when', async () => {
  const seed = Number(process.env.SPILLWAY_MIX_UP_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const dice = createDice(seed)
  world = await openWorld({ accounts: ['a', 'b', 'c'], settings: { strategy: 'round-robin' } })
  for (const name of ['a', 'b', 'c']) world.simulator.always(keyOf(name), signed)
  let whole = 0

  const talk = async (number: number): Promise<void> => {
    const client = await connectRaw(world.url)
    for (let turn = 0; turn < TURNS; turn++) {
      const id = `call-${number}-${turn}`
      const before = client.size
      const leavesAfter = dice.below(3) === 0 ? dice.below(900) : Number.POSITIVE_INFINITY
      client.write(requestBytes({ body: bodyOf({ stream: true, system: id }) }))
      const answer = (): string => client.received().toString('latin1', before)
      await within(
        client.when(() => client.size - before >= leavesAfter || answer().endsWith('\r\n0\r\n\r\n')),
        `the answer of ${id} (seed ${seed})`,
      )
      const seen = idsIn(answer())
      const isLeaving = client.size - before >= leavesAfter
      if (!isLeaving || seen.size > 0) expect({ seed, id, seen: [...seen] }).toEqual({ seed, id, seen: [id] })
      if (isLeaving) return client.vanish()
      whole++
    }
    client.close()
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => talk(number)))
  expect(whole).toBeGreaterThan(CLIENTS / 2)
  const { connections } = world.simulator
  await eventually(
    () => world.simulator.busy === 0 || undefined,
    `${connections} upstream connections to be free`,
  )
  expect(idsIn(await (await world.ask({ stream: true, system: 'call-0-99' })).text())).toEqual(
    new Set(['call-0-99']),
  )
})

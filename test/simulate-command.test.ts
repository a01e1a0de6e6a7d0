/**
 * `spillway simulate` as people run it: made-up pools, and the rows and readings of a gateway
 * that really served. What a run does is held by test/simulation and src/simulation; here it is
 * what goes in, what is shown, and that nothing is sent or written.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { SimulationReport } from '../src/cli/simulation.ts'
import { simulatedMessage } from '../src/simulator/healthy.ts'
import { message } from '../src/simulator/replies.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { keyOf } from './support/world.ts'

const ALL = [
  'affinity',
  'session',
  'round-robin',
  'least-requests',
  'weighted',
  'weighted-round-robin',
  'drain-soonest',
  'headroom',
]

let place: Place
afterEach(() => place.stop())

describe('a made-up pool', () => {
  it('is shown under every strategy, in 80 columns', async () => {
    place = await openPlace(false)
    const { code, out, err } = await place.run('simulate --hours 24')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^3 accounts, 24 hours, [\d,]+ requests \(made up\)$/)
    expect(lines[2]).toMatch(/^STRATEGY +SERVED +REFUSED +REWRITTEN +COST +SWITCHES$/)
    expect(lines.slice(3, 11).map((line) => line.split(' ')[0])).toEqual(ALL)
    expect([...lines, ...err.split('\n')].every((line) => Bun.stringWidth(line) <= 80)).toBe(true)
    expect(err).toContain('COST: at list prices')
  })

  it('is the same for the same seed and another for another', async () => {
    place = await openPlace(false)
    const run = async (seed: number) =>
      (
        await place.run(
          `simulate --hours 24 --accounts 2 --seed ${seed} --strategy session --strategy affinity --json`,
        )
      ).json<SimulationReport>()
    const [first, again, other] = [await run(5), await run(5), await run(6)]
    expect(first).toEqual(again)
    expect(first.requests).not.toBe(other.requests)
    expect(first).toMatchObject({ source: 'synthetic', accounts: 2, notes: [] })
    expect(first.results.map(({ strategy }) => strategy)).toEqual(['session', 'affinity'])
    for (const { requests, served, refused, truncated } of first.results)
      expect(served + refused + truncated).toBe(requests)
  })

  it.each([
    ['simulate --strategy best', 'There is no strategy "best". There are: affinity, session,'],
    ['simulate --hours 0', 'a whole number from 1 to 10000'],
    ['simulate --accounts many', 'a whole number from 1 to 100'],
    ['simulate --days 3', '--days goes with --from ledger.'],
    ['simulate --from ledger --seed 3', 'are for a made-up pool'],
    ['simulate --from nowhere', 'Allowed choices are ledger'],
  ])('is refused with 2 and a sentence where it is asked for wrongly: %s', async (words, sentence) => {
    place = await openPlace(false)
    const { code, out, err } = await place.run(words)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(sentence)
  })
})

describe('the last days of a ledger', () => {
  it('are replayed beside what really happened, and nothing is sent or written', async () => {
    place = await openPlace(true)
    await serveSome()
    const before = [place.simulator.received.length, (await place.world.rows(TURNS)).length]
    const { code, out } = await place.run('simulate --from ledger --days 1 --json')
    expect(code).toBe(0)
    const report: SimulationReport = JSON.parse(out)
    expect(report).toMatchObject({ source: 'ledger', accounts: 2, requests: TURNS, inForce: 'affinity' })
    expect(report.actual).toMatchObject({ requests: TURNS, served: TURNS, refused: 0 })
    expect(report.results.map(({ strategy }) => strategy)).toEqual(ALL)
    for (const { served, costUsd } of report.results) {
      expect(served).toBe(TURNS)
      expect(costUsd).toBeGreaterThan(0)
    }
    expect(report.notes.join(' ')).toContain('Faults of those days are not replayed')
    expect(report.notes.join(' ')).toMatch(
      /home is simulated without its 5h window: its utilization moved by \d %/,
    )
    expect([place.simulator.received.length, (await place.world.rows(TURNS)).length]).toEqual(before)
  })

  it('are read from the data directory where no gateway runs, and are shown in 80 columns', async () => {
    place = await openPlace(true)
    await serveSome()
    await place.world.rows(TURNS)
    await place.stopServer()
    const { code, out } = await place.run('simulate --from ledger')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toBe(`2 accounts, 168 hours, ${TURNS} requests (from the ledger)`)
    expect(lines[3]).toMatch(/^\(really happened\) +\d+ /)
    expect(lines[4]).toMatch(/^affinity \* +\d+ /)
    expect(lines.every((line) => Bun.stringWidth(line) <= 80)).toBe(true)
  })

  it('of a gateway that has served nothing are nothing to replay', async () => {
    place = await openPlace(true)
    const { code, out } = await place.run('simulate --from ledger')
    expect([code, out]).toEqual([
      0,
      'There is nothing to replay: the ledger has no conversation in these days.\n',
    ])
  })
})

const TURNS = 12

/** Two conversations on two accounts; the window of one fills by what it serves, the other's hardly moves. */
async function serveSome(): Promise<void> {
  for (const [name, step] of [
    ['work', 0.1],
    ['home', 0.005],
  ] as const) {
    await place.addAccount(name)
    let used = 0
    place.simulator.always(keyOf(name), (request) => {
      used += step
      return message(simulatedMessage('claude-sonnet-5-5', request), limitsAt(used))
    })
  }
  for (let turn = 0; turn < TURNS; turn++) {
    const content = 'A longer question. '.repeat(20 * (turn + 1))
    const headers = {
      'x-claude-code-session-id': `s${turn % 2}`,
      'x-spillway-exclude': turn % 2 === 0 ? 'home' : 'work',
    }
    await (await place.world.ask({ messages: [{ role: 'user', content }] }, headers)).text()
  }
}

const RESET = Math.floor(Date.now() / 1_000) + 3 * 3_600

const limitsAt = (used: number): readonly (readonly [string, string])[] => [
  ['anthropic-ratelimit-unified-status', 'allowed'],
  ['anthropic-ratelimit-unified-5h-status', 'allowed'],
  ['anthropic-ratelimit-unified-5h-utilization', used.toFixed(2)],
  ['anthropic-ratelimit-unified-5h-reset', String(RESET)],
]

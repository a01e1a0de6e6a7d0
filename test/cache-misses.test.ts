/**
 * Why prompt caches were missed, end to end: the simulated provider keeps caches for each
 * account and model, and the ledger, `why`, sessions and sums say what happened to them.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { LedgerRequest } from '../src/api/contract.ts'
import { MINUTE } from '../src/core/time.ts'
import { refusal } from '../src/simulator/replies.ts'
import { bareSpillway } from './support/command-line.ts'
import { keyOf, openWorld, type World, type WorldOptions } from './support/world.ts'

let world: World | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const open = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld({
    accounts: ['a', 'b'],
    ...options,
    simulator: { hasCaches: true, ...options.simulator },
  })
  return world
}

describe('the ledger says of a prompt’s cache', () => {
  it('that it was new, then that it was found, turn after turn', async () => {
    const its = await open()
    const rows = await talk(its, [{}, { turns: 1 }, { turns: 2 }])
    expect(rows.map(({ cache }) => cache)).toEqual([
      { verdict: 'first' },
      { verdict: 'hit' },
      { verdict: 'hit' },
    ])
    expect(rows[2]?.cacheReadTokens).toBeGreaterThan(1_000)
  })

  it('nothing where nothing is cached', async () => {
    const its = await open()
    await (await its.ask({ system: 'no breakpoint' }, { 'x-claude-code-session-id': 's' })).text()
    const rows = await its.rows(1)
    expect(rows[0]?.cacheReadTokens).toBe(0)
    expect(rows[0]).not.toHaveProperty('cache')
  })

  it.each([
    ['another tool', { tools: ['Bash', 'Write'] }, { cause: 'changed-prefix', part: 'tools' }],
    ['other instructions', { system: 'be brief' }, { cause: 'changed-prefix', part: 'system' }],
    ['another first message', { first: 'Something else.' }, { cause: 'changed-prefix', part: 'message 1' }],
    ['another model', { model: 'claude-opus-5-5' }, { cause: 'model-changed' }],
  ])('that it was missed because of %s, and what that cost', async (_what, change, expected) => {
    const its = await open()
    const rows = await talk(its, [{ turns: 1 }, { turns: 2, ...change }])
    const [before, after] = rows
    expect(after?.cache).toMatchObject({ verdict: 'miss', ...expected })
    const lost = (before?.cacheWrite5mTokens ?? 0) - (after?.cacheReadTokens ?? 0)
    expect(after?.cache?.tokens).toBe(Math.min(lost, after?.cacheWrite5mTokens ?? 0))
    expect(after?.cache?.usd).toBeGreaterThan(0)
  })

  it('that it went to another account, and again on its way back', async () => {
    const its = await open()
    await talk(its, [{ turns: 1 }])
    const [first] = await its.rows(1)
    const home = first?.account ?? ''
    its.simulator.script(keyOf(home), refusal(529, 'overloaded_error', 'Overloaded'))
    await talk(its, [{ turns: 2 }, { turns: 3 }])
    await its.api.clearCooldown({ params: { id: home } })
    const rows = await talk(its, [{ turns: 4 }])
    const seen = rows.map(({ account, cache }) => [account === home, cache?.verdict, cache?.cause])
    expect(seen).toEqual([
      [true, 'first', undefined],
      [false, 'miss', 'another-account'],
      [false, 'hit', undefined],
      [true, 'miss', 'another-account'],
    ])
    // What it was home for before, it still has.
    expect(rows[3]?.cacheReadTokens).toBeGreaterThan(1_000)
  })

  it('that nobody knows why it was missed, where the provider has forgotten it before its time', async () => {
    let now = Date.now()
    const its = await open({ accounts: ['a'], simulator: { now: () => now } })
    await talk(its, [{ turns: 1, ttl: '5m' }])
    now += 6 * MINUTE
    const rows = await talk(its, [{ turns: 2 }])
    expect(rows[1]?.cache).toMatchObject({ verdict: 'miss', cause: 'unknown' })
  })

  it('of agents of one session each for itself', async () => {
    const its = await open()
    const rows = await talk(its, [
      {},
      { agent: 'x', system: 'You search.' },
      { turns: 1 },
      { agent: 'x', system: 'You search.', turns: 1 },
    ])
    expect(rows.map(({ cache }) => cache?.verdict)).toEqual(['first', 'first', 'hit', 'hit'])
  })

  it('nothing of a conversation that began before a restart, until it has been seen once', async () => {
    const its = await open({ accounts: ['a'] })
    await talk(its, [{}])
    await its.restart()
    const rows = await talk(its, [{ turns: 1 }, { turns: 2 }])
    expect(rows.map(({ cache }) => cache?.verdict)).toEqual(['first', undefined, 'hit'])
  })
})

describe('misses are told', () => {
  it('by `why`, by the session, and summed by cause and part', async () => {
    const its = await open()
    const rows = await talk(its, [
      { turns: 1 },
      { turns: 2, system: 'be brief' },
      { turns: 3, system: 'be brief' },
    ])
    const missed = rows[1]
    const why = await bareSpillway(its.dataDirectory, [
      'why',
      missed?.id ?? '',
      '--data-dir',
      its.dataDirectory,
    ])
    expect(why.out).toMatch(
      /Its prompt cache: missed: the prompt had changed at its system \([\d,]+ tokens, \$0\.\d+\)\./,
    )
    const session = await its.api.showSession({ params: { id: 's' } })
    expect(session.cache).toMatchObject({ hits: 1, misses: 1, causes: { 'changed-prefix': 1 } })
    expect(session.cache.lostTokens).toBe(missed?.cache?.tokens ?? -1)
    expect(await its.api.cacheMisses({ query: { range: '1h' } })).toMatchObject({
      misses: 1,
      tokens: missed?.cache?.tokens ?? -1,
      causes: [{ cause: 'changed-prefix', misses: 1, parts: [{ part: 'system', misses: 1 }] }],
    })
    expect(await its.api.cacheMisses({ query: { from: '2h', to: '1h' } })).toMatchObject({
      misses: 0,
      causes: [],
    })
  })

  it('and a span that cannot be understood is refused with its place', async () => {
    const its = await open()
    const answer = await its.admin('/api/analytics/cache?range=soon')
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { details: [{ path: 'range' }] } },
    ])
    expect((await its.admin('/api/analytics/cache?range=1h&from=2h')).status).toBe(400)
  })
})

interface Turn {
  /** How many turns went before. */
  readonly turns?: number
  readonly tools?: readonly string[]
  readonly system?: string
  readonly first?: string
  readonly model?: string
  readonly agent?: string
  readonly ttl?: string
}

/** One request after the other; the ledger's rows of all so far. */
async function talk(its: World, turns: readonly Turn[]): Promise<readonly LedgerRequest[]> {
  const before = (await its.api.listRequests({ query: { limit: 1_000 } })).requests.length
  for (const turn of turns) {
    const agent = turn.agent === undefined ? {} : { 'x-claude-code-agent-id': turn.agent }
    const answer = await its.ask({ ...bodyOf(turn) }, { 'x-claude-code-session-id': 's', ...agent })
    expect(answer.status).toBe(200)
    await answer.text()
  }
  return its.rows(before + turns.length)
}

const LONG = 'Prefer editing a file that exists to writing a new one. '.repeat(100)

function bodyOf({
  turns = 0,
  tools = ['Bash'],
  system = 'be thorough',
  first = 'Why?',
  model,
  ttl,
}: Turn): object {
  const mark = { cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) } }
  const text = (words: string): object => ({ type: 'text', text: words })
  const past = Array.from({ length: turns }, (_, index) => [
    { role: 'assistant', content: [text(`Because ${index}. ${LONG}`)] },
    { role: 'user', content: `And ${index + 1}?` },
  ]).flat()
  const messages = [{ role: 'user', content: `${first} ${LONG}` }, ...past]
  const last = messages.at(-1)
  return {
    ...(model === undefined ? {} : { model }),
    tools: tools.map((name) => ({ name, description: LONG })),
    system: [{ ...text(`${system} ${LONG}`), ...mark }],
    messages: [
      ...messages.slice(0, -1),
      { role: 'user', content: [{ ...text(String(last?.content)), ...mark }] },
    ],
  }
}

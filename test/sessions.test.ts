/** Sessions through the API and the command line: listed, shown, pinned, moved; each pin has its effect. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { refusal } from '../src/simulator/replies.ts'
import { bareSpillway } from './support/command-line.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld({ accounts: ['a', 'b'], simulator: { hasCaches: true } })
})
afterEach(() => world.stop())

describe('sessions', () => {
  it('are listed with their agents and models, last used first, page by page', async () => {
    await ask('one')
    await ask('two', { 'x-claude-code-agent-id': 'agent-1', 'x-spillway-agent': 'explore' })
    await ask('three')
    const first = await world.api.listSessions({ query: { limit: 2 } })
    expect(first.sessions.map(({ id }) => id)).toEqual(['three', 'two'])
    const rest = await world.api.listSessions({ query: { limit: 2, cursor: first.nextCursor ?? '' } })
    expect(rest.sessions.map(({ id }) => id)).toEqual(['one'])
    expect(rest).not.toHaveProperty('nextCursor')
    const { sessions } = await world.api.listSessions({ query: { agent: 'explore' } })
    expect(sessions).toMatchObject([
      {
        id: 'two',
        requests: 1,
        agents: [
          {
            agent: 'agent-1',
            kind: 'explore',
            models: [{ model: 'claude-sonnet-5-5', servedModel: 'claude-sonnet-5-5', requests: 1 }],
          },
        ],
      },
    ])
    expect(sessions[0]?.agents[0]?.account).toBe(sessions[0]?.lastAccount ?? 'nobody')
  })

  it('are shown with their last turns and when their cache ends', async () => {
    await ask('one')
    await ask('one')
    const session = await world.api.showSession({ params: { id: 'one' }, query: { turns: 1 } })
    expect(session).toMatchObject({ requests: 2, cache: { hits: 1, misses: 0 }, turns: [{ session: 'one' }] })
    expect(Date.parse(session.cacheUntil ?? '')).toBeGreaterThan(Date.now())
    const unknown = await world.admin('/api/sessions/nobody')
    expect(unknown.status).toBe(404)
    const bad = await world.admin('/api/sessions?cursor=x')
    expect([bad.status, await bad.json()]).toMatchObject([400, { error: { details: [{ path: 'cursor' }] } }])
  })
})

describe('a pinned session', () => {
  it('goes to its account, which its rows and a dry run say; unpinned it stays where its cache is', async () => {
    const home = await ask('one')
    const other = home === 'a' ? 'b' : 'a'
    await world.api.pinSession({ params: { id: 'one' }, body: { account: other } })
    const explained = await world.api.explainRoute({ query: { model: 'claude-sonnet-5-5', session: 'one' } })
    expect(explained).toMatchObject({
      account: other,
      decision: { reason: 'the session is pinned to this account' },
    })
    expect(await ask('one')).toBe(other)
    expect(await ask('one', { 'x-claude-code-agent-id': 'new-agent' })).toBe(other)
    const unpinned = await world.api.unpinSession({ params: { id: 'one' } })
    expect(unpinned).not.toHaveProperty('pinned')
    expect(await ask('one')).toBe(other)
    const again = await world.admin('/api/sessions/one/unpin', { method: 'POST' })
    expect(again.status).toBe(409)
  })

  it('spills while that account cannot take it, says so, and comes back; also after a restart', async () => {
    await ask('one')
    await world.api.pinSession({ params: { id: 'one' }, body: { account: 'b' } })
    await world.api.pauseAccount({ params: { id: 'b' } })
    expect(await ask('one')).toBe('a')
    const [row] = (await world.api.listRequests({ query: { limit: 1 } })).requests
    expect(row?.decision.reason).toStartWith('b, to which the session is pinned, cannot take it; ')
    expect(row?.decision.candidates).toContainEqual({ account: 'b', excluded: 'paused' })
    await world.api.resumeAccount({ params: { id: 'b' } })
    await world.restart()
    expect(await ask('one')).toBe('b')
    world.simulator.script(keyOf('b'), refusal(529, 'overloaded_error', 'Overloaded'))
    expect(await ask('one')).toBe('a')
  })

  it('cannot be moved, and cannot be pinned to nobody', async () => {
    await ask('one')
    await world.api.pinSession({ params: { id: 'one' }, body: { account: 'b' } })
    await expect(world.api.moveSession({ params: { id: 'one' }, body: { account: 'a' } })).rejects.toThrow(
      'pinned to b; pin it to a instead, or unpin it first',
    )
    await expect(world.api.pinSession({ params: { id: 'one' }, body: { account: 'c' } })).rejects.toThrow(
      'There is no account "c"',
    )
    await expect(world.api.pinSession({ params: { id: 'two' }, body: { account: 'b' } })).rejects.toThrow(
      'There is no session two',
    )
  })
})

describe('a moved session', () => {
  it('is at home elsewhere from then on, with its agents', async () => {
    const agent = { 'x-claude-code-agent-id': 'agent-1' }
    const home = await ask('one')
    const agentHome = await ask('one', agent)
    for (const account of [home === 'a' ? 'b' : 'a', home]) {
      const moved = await world.api.moveSession({ params: { id: 'one' }, body: { account } })
      expect(moved.account).toBe(account)
      expect(moved.agents.map((each) => each.account)).toEqual([account, account])
      expect([await ask('one'), await ask('one', agent)]).toEqual([account, account])
    }
    expect([home, agentHome]).not.toContain('nobody')
  })
})

describe('the command line', () => {
  const run = (...words: readonly string[]) =>
    bareSpillway(world.dataDirectory, [...words, '--data-dir', world.dataDirectory])

  it('lists, shows, pins, unpins and moves', async () => {
    const home = await ask('one')
    const other = home === 'a' ? 'b' : 'a'
    expect((await run('sessions', 'list')).out).toMatch(new RegExp(`one +${home} `))
    expect((await run('sessions', 'move', 'one', other)).out).toBe(`one is at home at ${other} now.\n`)
    expect((await run('sessions', 'pin', 'one', home)).out).toBe(`one is pinned to ${home}.\n`)
    const shown = await run('sessions', 'show', 'one')
    expect(shown.out).toMatch(new RegExp(`home +${home} \\(pinned\\)`))
    expect(shown.out).toMatch(/\(main\)/)
    expect((await run('sessions', 'unpin', 'one')).out).toBe('one is not pinned any more.\n')
    const listed = (await run('sessions', 'list', '--json')).json<{ sessions: readonly object[] }>()
    expect(listed.sessions).toHaveLength(1)
    expect((await run('sessions', 'show', 'two')).code).toBe(3)
  })
})

/** A turn of a session; the account that served it. */
async function ask(session: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const system = [{ type: 'text', text: 'Be brief. '.repeat(500), cache_control: { type: 'ephemeral' } }]
  const answer = await world.ask({ system }, { 'x-claude-code-session-id': session, ...headers })
  await answer.text()
  return answer.headers.get('x-spillway-account') ?? 'nobody'
}

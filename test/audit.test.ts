/** Every change is written down: who, what, from what to what; and never a secret. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import type { Answer } from '../src/api/contract.ts'
import { passwordOf, signedIn } from './support/browser.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.stop())

type Entry = Answer<'listAudit'>['entries'][number]

const latest = async (): Promise<Entry | undefined> =>
  (await world.api.listAudit({ query: { limit: 1 } })).entries[0]
const told = async () => {
  const { action, target, from, to } = (await latest()) ?? {}
  return { action, target, from, to }
}
const params = { id: 'a' }

describe('a change of an account', () => {
  it('says what was changed, and only that', async () => {
    await world.api.changeAccount({ params, body: { priority: 7, groups: ['x'], weight: 1 } })
    expect(await told()).toEqual({
      action: 'changeAccount',
      target: 'a',
      from: { priority: 0, groups: [] },
      to: { priority: 7, groups: ['x'] },
    })
    expect(await latest()).toMatchObject({ who: 'admin token', role: 'owner', peer: '127.0.0.1' })
  })

  it('says of a secret only that there is another', async () => {
    const body = {
      apiKey: keyOf('new'),
      proxy: 'http://me:CANARY-proxy@127.0.0.1:1',
      headers: { 'x-a': 'CANARY-b' },
    }
    await world.api.changeAccount({ params, body })
    expect(await told()).toEqual({
      action: 'changeAccount',
      target: 'a',
      from: { credential: null, network: null },
      to: { credential: '(replaced)', network: '(replaced)' },
    })
  })

  it('tells adding, pausing, resuming, clearing, setting and removing apart', async () => {
    await world.api.addAccount({ body: { name: 'b', provider: 'console', apiKey: keyOf('b'), tier: 5 } })
    expect(await told()).toMatchObject({
      action: 'addAccount',
      target: 'b',
      to: { provider: 'console', tier: 5 },
    })
    await world.api.pauseAccount({ params: { id: 'b' } })
    expect(await told()).toMatchObject({
      action: 'pauseAccount',
      from: { paused: false },
      to: { paused: true },
    })
    await world.api.resumeAccount({ params: { id: 'b' } })
    expect(await told()).toMatchObject({
      action: 'resumeAccount',
      from: { paused: true },
      to: { paused: false },
    })
    await world.api.setTier({ params: { id: 'b' }, body: { tier: 9 } })
    expect(await told()).toMatchObject({ action: 'setTier', target: 'b', from: { tier: 5 }, to: { tier: 9 } })
    await world.api.clearCooldown({ params: { id: 'b' } })
    expect(await told()).toEqual({ action: 'clearCooldown', target: 'b', from: undefined, to: undefined })
    await world.api.removeAccount({ params: { id: 'b' } })
    expect(await told()).toMatchObject({
      action: 'removeAccount',
      target: 'b',
      from: { tier: 9 },
      to: undefined,
    })
  })
})

describe('other changes', () => {
  it('of settings say the old value and the new one', async () => {
    await world.api.changeConfig({ body: { allowedHosts: 'x.example' } })
    expect(await told()).toEqual({
      action: 'changeConfig',
      target: 'allowedHosts',
      from: [],
      to: ['x.example'],
    })
    await world.api.changeStrategy({ body: { strategy: 'session' } })
    expect(await told()).toEqual({
      action: 'changeStrategy',
      target: 'strategy',
      from: 'affinity',
      to: 'session',
    })
  })

  it('of keys and users say what they may do', async () => {
    await world.api.createKey({ body: { name: 'k', pool: 'a' } })
    expect(await told()).toMatchObject({ action: 'createKey', target: 'k', to: { name: 'k', pool: 'a' } })
    await world.api.changeKey({ params: { id: 'k' }, body: { disabled: true } })
    expect(await told()).toMatchObject({
      action: 'changeKey',
      from: { disabled: false },
      to: { disabled: true },
    })
    await world.api.addUser({ body: { name: 'ann', role: 'viewer', password: passwordOf('ann') } })
    expect(await told()).toEqual({
      action: 'addUser',
      target: 'ann',
      from: undefined,
      to: { role: 'viewer' },
    })
    await world.api.changeUser({
      params: { id: 'ann' },
      body: { role: 'owner', password: passwordOf('other') },
    })
    expect(await told()).toMatchObject({
      from: { role: 'viewer', password: null },
      to: { role: 'owner', password: '(replaced)' },
    })
  })

  it('are written down by whoever made them', async () => {
    const browser = await signedIn(world, 'operator')
    await browser.send('POST', '/api/accounts/a/pause')
    expect(await latest()).toMatchObject({
      who: 'operator',
      role: 'operator',
      action: 'pauseAccount',
      target: 'a',
    })
  })
})

describe('signing in', () => {
  it('is written down, and failing to', async () => {
    const browser = await signedIn(world, 'viewer')
    expect(await latest()).toMatchObject({
      who: 'viewer',
      action: 'signIn',
      to: { way: 'password', role: 'viewer' },
    })
    await browser.send('POST', '/api/sign-in', { name: 'viewer', password: 'CANARY-wrong' })
    expect(await latest()).toMatchObject({ who: 'anybody', action: 'signInFailed', target: 'viewer' })
    await browser.send('POST', '/api/sign-out')
    expect(await latest()).toMatchObject({ who: 'viewer', action: 'signOut' })
  })
})

describe('what is not a change', () => {
  it('is not written down: reads, tests, refusals', async () => {
    const before = await latest()
    await world.api.listAccounts()
    await world.api.testAccount({ params })
    await world.api.checkDatabase()
    await world.api.changeAccount({ params, body: { name: '' } }).catch(() => {})
    await world.api.pauseAccount({ params: { id: 'nobody' } }).catch(() => {})
    expect(await latest()).toEqual(before)
  })
})

describe('the log', () => {
  it('is read page by page, newest first, each entry once', async () => {
    for (let priority = 1; priority <= 5; priority++)
      await world.api.setPriority({ params, body: { priority } })
    const seen: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await world.api.listAudit({
        query: { limit: 2, action: 'setPriority', ...(cursor === undefined ? {} : { cursor }) },
      })
      seen.push(...page.entries.map(({ to }) => to))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(seen).toEqual([5, 4, 3, 2, 1].map((priority) => ({ priority })))
  })

  it('is asked by who and since when, and refuses what it does not know', async () => {
    await world.api.pauseAccount({ params })
    expect((await world.api.listAudit({ query: { who: 'nobody' } })).entries).toEqual([])
    expect((await world.api.listAudit({ query: { who: 'admin token', since: '1h' } })).entries).not.toEqual(
      [],
    )
    await expect(world.api.listAudit({ query: { since: 'yesterday' } })).rejects.toMatchObject({
      status: 400,
    })
    expect((await world.admin('/api/audit?whom=x')).status).toBe(400)
  })

  it('is there after a restart', async () => {
    await world.api.pauseAccount({ params })
    const before = await latest()
    await world.restart()
    expect(await latest()).toEqual(before)
  })
})

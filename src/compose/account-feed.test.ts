/** The feed of accounts: heard of once a second at most, only while somebody listens, and of those that go. */
import { describe, expect, it } from 'bun:test'
import { idOf, NOON, sampleAccount } from '../../test/support/samples.ts'
import type { AccountChange } from '../api/services.ts'
import type { HealthStore } from '../core/ports/stores.ts'
import { createAccountFeed } from './account-feed.ts'

describe('the feed of accounts', () => {
  it('tells of an account at once, and then at most once a second', () => {
    const { store, clock, heard } = listening()
    store.saveCooldowns(idOf('a'), [])
    clock.advance(0)
    for (let change = 0; change < 10; change++) store.saveWindows(idOf('a'), [])
    store.saveLogin(idOf('b'), undefined)
    clock.advance(0)
    expect(namesOf(heard)).toEqual(['changed a', 'changed b'])
    clock.advance(999)
    expect(heard).toHaveLength(2)
    clock.advance(1)
    expect(namesOf(heard)).toEqual(['changed a', 'changed b', 'changed a'])
    clock.advance(60_000)
    expect(heard).toHaveLength(3)
  })

  it('gives each change an id, and what came after one to who comes back', () => {
    const { feed, store, clock, heard } = listening()
    for (const name of ['a', 'b']) {
      store.saveWindows(idOf(name), [])
      clock.advance(1_000)
    }
    expect(feed.since(heard[0]?.id)).toEqual(heard.slice(1))
    expect(feed.since(heard[1]?.id)).toEqual([])
  })

  it('tells of what the operator has changed, and of accounts that are gone', () => {
    const { feed, clock, heard } = listening()
    const [a] = ACCOUNTS
    feed.sync([{ ...(a ?? sampleAccount('a')), pausedAt: NOON }])
    clock.advance(0)
    expect(namesOf(heard)).toEqual(['removed b', 'changed a'])
    expect(heard[1]?.account.pausedAt).toBe(NOON)
  })

  it('keeps no timer and no change while nobody listens', () => {
    const { feed, store, clock } = opened()
    store.saveWindows(idOf('a'), [])
    store.saveStanding(idOf('a'), {})
    expect(clock.waiting).toBe(0)
    expect(feed.since(undefined)).toEqual([])
  })

  it('tells nothing of an account that went before its second was over', () => {
    const { feed, store, clock, heard } = listening()
    store.saveWindows(idOf('a'), [])
    feed.sync([])
    clock.advance(5_000)
    expect(namesOf(heard)).toEqual(['removed a', 'removed b'])
    expect(clock.waiting).toBe(0)
  })
})

const ACCOUNTS = [sampleAccount('a'), sampleAccount('b')]
const namesOf = (heard: readonly AccountChange[]): readonly string[] =>
  heard.map(({ kind, account }) => `${kind} ${account.name}`)

function opened() {
  const clock = timers()
  let count = 0
  const feed = createAccountFeed(clock, () => `id-${++count}`)
  feed.sync(ACCOUNTS)
  const nothing = (): void => {}
  const plain: HealthStore = {
    load: () => new Map(),
    saveCooldowns: nothing,
    saveWindows: nothing,
    saveSession: nothing,
    saveLogin: nothing,
    saveStanding: nothing,
  }
  return { feed, clock, store: feed.watching(plain) }
}

function listening() {
  const heard: AccountChange[] = []
  const all = opened()
  all.feed.subscribe(
    (change) => heard.push(change),
    () => {},
  )
  return { ...all, heard }
}

/** Time stands still until the test moves it; what is due then happens. */
function timers() {
  let now = 1_000_000
  const due = new Map<() => void, number>()
  return {
    elapsed: () => now,
    after(ms: number, work: () => void) {
      due.set(work, now + ms)
      return () => void due.delete(work)
    },
    get waiting() {
      return due.size
    },
    advance(ms: number) {
      now += ms
      for (const [work, at] of [...due]) {
        if (at > now) continue
        due.delete(work)
        work()
      }
    },
  }
}

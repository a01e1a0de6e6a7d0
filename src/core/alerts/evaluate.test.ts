/** What is news: firing once, going on quietly, being over, cooldowns, mutes, what comes and goes, clocks that jump. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../../test/support/samples.ts'
import { HOUR, later, MINUTE, SECOND } from '../time.ts'
import { evaluate, type Memory, STEADY_MS } from './evaluate.ts'
import type { AccountFact, Facts } from './facts.ts'
import type { AlertRule } from './rule.ts'

describe('an alert', () => {
  it('fires when its condition begins to hold, and says nothing while it goes on', () => {
    const watch = watching(rule())
    expect(watch.at(0, 'ready')).toEqual([])
    expect(watch.at(15 * SECOND, 'needs-login')).toEqual([`fired a`])
    expect(watch.at(30 * SECOND, 'needs-login')).toEqual([])
    expect(watch.at(HOUR * 5, 'needs-login')).toEqual([])
  })

  it('is over when its condition has not held for a minute, and not before', () => {
    const watch = watching(rule())
    watch.at(0, 'needs-login')
    expect(watch.at(MINUTE, 'ready')).toEqual([])
    expect(watch.at(MINUTE + STEADY_MS - 1, 'ready')).toEqual([])
    expect(watch.at(MINUTE + STEADY_MS, 'ready')).toEqual(['resolved a'])
    expect(watch.at(3 * MINUTE, 'ready')).toEqual([])
  })

  it('is one where its condition comes and goes', () => {
    const watch = watching(rule({ cooldownMs: 0 }))
    const said = Array.from({ length: 40 }, (_, turn) =>
      watch.at(turn * 30 * SECOND, turn % 2 === 0 ? 'needs-login' : 'ready'),
    )
    expect(said.flat()).toEqual(['fired a'])
  })

  it('does not fire again within its cooldown, and does once that is over if it is so then', () => {
    const watch = watching(rule({ cooldownMs: HOUR }))
    watch.at(0, 'needs-login')
    watch.at(MINUTE, 'ready')
    expect(watch.at(2 * MINUTE, 'ready')).toEqual(['resolved a'])
    expect(watch.at(10 * MINUTE, 'needs-login')).toEqual([])
    expect(watch.at(HOUR - 1, 'needs-login')).toEqual([])
    expect(watch.at(HOUR, 'needs-login')).toEqual(['fired a'])
  })

  it('of one account does not hold back another’s', () => {
    const facts = factsOf([accountIn('needs-login', 'a'), accountIn('needs-login', 'b')])
    const { events } = evaluate([rule()], facts, new Map(), NOON)
    expect(events.map(({ subject }) => subject)).toEqual(['a', 'b'])
  })

  it('is quiet while its rule is muted, and told when the mute ends and it is still so', () => {
    const watch = watching(rule({ mutedUntil: later(NOON, HOUR) }))
    expect(watch.at(0, 'needs-login')).toEqual(['fired a (muted)'])
    expect(watch.at(30 * MINUTE, 'needs-login')).toEqual([])
    expect(watch.at(HOUR, 'needs-login')).toEqual(['told a'])
    expect(watch.at(2 * HOUR, 'needs-login')).toEqual([])
  })

  it('is over without a word where nobody was told that it began', () => {
    const watch = watching(rule({ mutedUntil: later(NOON, HOUR) }))
    watch.at(0, 'needs-login')
    watch.at(MINUTE, 'ready')
    expect(watch.at(3 * MINUTE, 'ready')).toEqual(['resolved a (quietly)'])
  })

  it('ends without a word when its rule is turned off or its account is gone', () => {
    const off = watching(rule())
    off.at(0, 'needs-login')
    off.change({ isEnabled: false })
    expect(off.at(MINUTE, 'needs-login')).toEqual(['resolved a (quietly)'])
    expect(off.memory().size).toBe(0)

    const gone = watching(rule())
    gone.at(0, 'needs-login')
    expect(gone.at(MINUTE, undefined)).toEqual(['resolved a (quietly)'])
    expect(gone.at(2 * HOUR, undefined)).toEqual([])
    expect(gone.memory().size).toBe(0)
  })

  it('stays as it is while nothing is known', () => {
    const runway = rule({ when: { kind: 'runway-below', ms: HOUR } })
    const out = { ...factsOf([]), runway: { kind: 'out', until: undefined } } as const
    const { memory, events } = evaluate([runway], out, new Map(), NOON)
    expect(events).toHaveLength(1)
    const unknown = evaluate([runway], factsOf([]), memory, later(NOON, HOUR))
    expect(unknown.events).toEqual([])
    expect([...unknown.memory.values()]).toMatchObject([{ open: { isTold: true } }])
  })

  it('fires although a clock that was once ahead has left a firing in the future', () => {
    const watch = watching(rule({ cooldownMs: HOUR }))
    watch.at(48 * HOUR, 'needs-login')
    watch.at(48 * HOUR + MINUTE, 'ready')
    watch.at(48 * HOUR + 2 * MINUTE, 'ready')
    expect(watch.at(0, 'needs-login')).toEqual(['fired a'])
  })

  it('is over although the clock was set back after it began to be', () => {
    const watch = watching(rule())
    watch.at(HOUR, 'needs-login')
    watch.at(HOUR + MINUTE, 'ready')
    expect(watch.at(0, 'ready')).toEqual(['resolved a'])
  })

  it('has nothing to remember of what is well', () => {
    const watch = watching(rule())
    watch.at(0, 'ready')
    expect(watch.memory().size).toBe(0)
  })
})

describe('whatever happens', () => {
  const steps = fc.array(
    fc.record({
      pauseMs: fc.integer({ min: 1, max: 20 * MINUTE }),
      isSo: fc.boolean(),
      restarts: fc.boolean(),
    }),
    {
      maxLength: 80,
    },
  )

  it('begins and ends take turns, and between two beginnings lies the cooldown', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(0, MINUTE, HOUR), (turns, cooldownMs) => {
        const watch = watching(rule({ cooldownMs }))
        const fired: number[] = []
        let isOpen = false
        let at = 0
        for (const { pauseMs, isSo, restarts } of turns) {
          at += pauseMs
          if (restarts) watch.restart()
          for (const said of watch.at(at, isSo ? 'needs-login' : 'ready')) {
            expect(said).toBe(isOpen ? 'resolved a' : 'fired a')
            isOpen = !isOpen
            if (isOpen) fired.push(at)
          }
        }
        for (const [index, moment] of fired.slice(1).entries())
          expect(moment - (fired[index] ?? 0)).toBeGreaterThanOrEqual(cooldownMs)
      }),
    )
  })

  it('what has held for a cooldown and a minute is open', () => {
    fc.assert(
      fc.property(steps, (turns) => {
        const watch = watching(rule({ cooldownMs: 10 * MINUTE }))
        let at = 0
        for (const { pauseMs, isSo } of turns) {
          at += pauseMs
          watch.at(at, isSo ? 'needs-login' : 'ready')
        }
        watch.at(at + MINUTE, 'needs-login')
        watch.at(at + 11 * MINUTE, 'needs-login')
        expect([...watch.memory().values()]).toMatchObject([{ open: { isTold: true } }])
      }),
    )
  })
})

/** A rule that is looked at again and again, with a clock that the test sets. */
function watching(first: AlertRule) {
  let present = first
  let memory: Memory = new Map()
  return {
    at(ms: number, state: AccountFact['state']['kind'] | undefined): readonly string[] {
      const facts = factsOf(state === undefined ? [] : [accountIn(state, 'a')])
      const next = evaluate([present], facts, memory, later(NOON, ms))
      memory = next.memory
      return next.events.map((event) => {
        if (event.kind === 'fired' && event.isMuted) return `fired ${event.subject} (muted)`
        if (event.kind === 'resolved' && event.isQuiet) return `resolved ${event.subject} (quietly)`
        return `${event.kind} ${event.subject}`
      })
    },
    change(fields: Partial<AlertRule>): void {
      present = { ...present, ...fields }
    },
    /** What is remembered goes through a database. */
    restart(): void {
      memory = new Map(JSON.parse(JSON.stringify([...memory])))
    },
    memory: () => memory,
  }
}

const rule = (fields: Partial<AlertRule> = {}): AlertRule => ({
  id: 'rule',
  name: 'account needs a sign-in',
  when: { kind: 'account-state', states: ['needs-login', 'error'], forMs: 0 },
  scope: {},
  severity: 'critical',
  isEnabled: true,
  cooldownMs: HOUR,
  mutedUntil: undefined,
  channels: undefined,
  createdAt: NOON,
  ...fields,
})

const accountIn = (kind: AccountFact['state']['kind'], id: string): AccountFact => ({
  id,
  name: id,
  groups: [],
  state: { kind },
  windows: [],
})

const factsOf = (accounts: readonly AccountFact[]): Facts => ({
  accounts,
  budgets: [],
  runway: { kind: 'unknown' },
  traffic: () => [],
})

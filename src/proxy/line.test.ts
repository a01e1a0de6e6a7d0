/** The waiting line: order, fairness, bounds, and every way to leave it. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { tickingClock } from '../../test/support/ticking-clock.ts'
import { later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { createLine, type Leaving, type Line, type Place } from './line.ts'

describe('the line', () => {
  it('asks interactive work first, and within a class whoever has waited longest', () => {
    const { stand, line } = open()
    stand('young', { since: later(NOON, 5) })
    stand('modest', { class: 'background', since: NOON })
    stand('old', { since: later(NOON, 1) })
    expect(line.places().map(({ id }) => id)).toEqual(['old', 'young', 'modest'])
  })

  it('keeps the age of whoever stands in it again', () => {
    const { stand, line } = open()
    stand('first', { since: later(NOON, 2) })
    stand('again', { since: NOON })
    expect(line.places()[0]?.id).toBe('again')
  })

  it('lets those out who are done, in their order, when something changes', async () => {
    const { stand, line, left } = open()
    let slots = 2
    const takes = () => slots > 0 && slots-- > 0
    for (const id of ['a', 'b', 'c']) stand(id, { isDone: takes })
    line.changed()
    await settled()
    expect(left).toEqual([
      ['a', 'asked'],
      ['b', 'asked'],
    ])
    slots = 1
    line.changed()
    await settled()
    expect(left.at(-1)).toEqual(['c', 'asked'])
  })

  it('asks those behind as well whose turn a free place is not', async () => {
    const { stand, line, left } = open()
    stand('elsewhere', { isDone: () => false })
    stand('here', { isDone: () => true })
    line.changed()
    await settled()
    expect(left).toEqual([['here', 'asked']])
  })

  it('does not ask everybody at each change, but everybody soon after', async () => {
    const { stand, line, left, clock } = open()
    let asked = 0
    for (let number = 0; number < 100; number++)
      stand(`n${number}`, {
        isDone: () => {
          asked++
          return false
        },
      })
    stand('last', { isDone: () => true })
    line.changed()
    expect(asked).toBeLessThan(20)
    expect(left).toEqual([])
    await clock.advance(SECOND)
    expect(left).toEqual([['last', 'asked']])
  })

  it('is left when the time has come, when the client has left, and when the gateway stops', async () => {
    const { stand, line, left, clock } = open()
    const leaving = new AbortController()
    stand('late', { until: later(NOON, SECOND) })
    stand('gone', { signal: leaving.signal })
    stand('stopped', {})
    leaving.abort()
    await clock.advance(SECOND)
    line.stop()
    await settled()
    expect(left).toEqual([
      ['gone', 'aborted'],
      ['late', 'asked'],
      ['stopped', 'stopped'],
    ])
    expect(line.places()).toEqual([])
    stand('too late', {})
    await settled()
    expect(left.at(-1)).toEqual(['too late', 'stopped'])
  })

  it('takes nobody who has left already', async () => {
    const { stand, left } = open()
    stand('gone', { signal: AbortSignal.abort() })
    await settled()
    expect(left).toEqual([['gone', 'aborted']])
  })

  it('has as many places as the operator says, and room for so many bytes (G10)', async () => {
    const { stand, left } = open(2)
    stand('a', { bytes: 200 << 20 })
    stand('big', { bytes: 100 << 20 })
    stand('b', {})
    stand('c', {})
    await settled()
    expect(left).toEqual([
      ['big', 'full'],
      ['c', 'full'],
    ])
  })

  it('may change while it is being asked', async () => {
    const { stand, line, left } = open()
    stand('a', {
      isDone: () => {
        line.changed()
        return true
      },
    })
    line.changed()
    await settled()
    expect(left).toEqual([['a', 'asked']])
  })
})

interface Opened {
  readonly line: Line
  readonly clock: ReturnType<typeof tickingClock>
  readonly left: (readonly [string, Leaving])[]
  stand(id: string, fields: Partial<Place>): void
}

function open(mostPlaces = 1_000): Opened {
  const clock = tickingClock(NOON)
  const line = createLine({ clock, mostPlaces: () => mostPlaces })
  const left: (readonly [string, Leaving])[] = []
  return {
    line,
    clock,
    left,
    stand(id, fields) {
      const place: Place = { ...PLAIN, id, ...fields }
      void line.stand(place).then((how) => left.push([id, how]))
    },
  }
}

const HOUR_LATER: Millis = later(NOON, 60 * MINUTE)

const PLAIN: Omit<Place, 'id'> = {
  class: 'interactive',
  cause: 'busy',
  since: NOON,
  until: HOUR_LATER,
  bytes: 1,
  model: undefined,
  key: undefined,
  session: undefined,
  signal: new AbortController().signal,
  isDone: () => false,
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Readings of windows: newer ones replace older ones, silence changes nothing. */
import { describe, expect, it } from 'bun:test'
import { type Window, withReadings } from './limits.ts'
import { toMillis } from './time.ts'

describe('withReadings', () => {
  it('replaces the window that a reading names and keeps the others', () => {
    const known = [window('5h', 0.2), window('7d', 0.4)]
    expect(withReadings(known, [window('5h', 0.9)])).toEqual([window('5h', 0.9), window('7d', 0.4)])
  })

  it('does not carry parts of an older reading into a newer one', () => {
    const silent: Window = { name: '5h', readAt: toMillis(2) }
    expect(withReadings([window('5h', 0.2)], [silent])).toEqual([silent])
  })

  it('adds windows that are new, in the order of their names', () => {
    expect(withReadings([window('7d', 0)], [window('7d_oi', 0), window('5h', 0)]).map(nameOf)).toEqual([
      '5h',
      '7d',
      '7d_oi',
    ])
  })

  it('is the very same list when nothing was read', () => {
    const known = [window('5h', 0.2)]
    expect(withReadings(known, [])).toBe(known)
  })
})

function window(name: string, utilization: number): Window {
  return { name, utilization, readAt: toMillis(1) }
}

function nameOf({ name }: Window): string {
  return name
}

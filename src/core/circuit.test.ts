/** When an endpoint is left alone, for how long, and when it is tried again. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { circuitOf } from './circuit.ts'
import { type Faults, NO_FAULTS } from './health.ts'
import { later, SECOND } from './time.ts'

describe('a circuit', () => {
  it('is closed until so many faults', () => {
    expect(circuitOf(faults(4), 5, NOON)).toEqual({ kind: 'closed' })
    expect(circuitOf(NO_FAULTS, 5, NOON)).toEqual({ kind: 'closed' })
  })

  it('opens with the last of them, for longer each time, but never for more than half a minute', () => {
    const seconds = (inARow: number) => {
      const state = circuitOf(faults(inARow), 5, NOON)
      return state.kind === 'open' ? (state.until - NOON) / SECOND : state.kind
    }
    expect([5, 6, 7, 8, 50].map(seconds)).toEqual([5, 10, 20, 30, 30])
  })

  it('lets itself be tried when its time is over', () => {
    expect(circuitOf(faults(5), 5, later(NOON, 5 * SECOND - 1)).kind).toBe('open')
    expect(circuitOf(faults(5), 5, later(NOON, 5 * SECOND)).kind).toBe('half-open')
  })

  it('stays closed for faults that do not count, and where the operator wants none', () => {
    expect(circuitOf({ ...NO_FAULTS, inARow: 9, lastAt: NOON }, 5, NOON).kind).toBe('closed')
    expect(circuitOf(faults(900), 0, NOON).kind).toBe('closed')
  })
})

const faults = (inARow: number): Faults => ({ ...NO_FAULTS, inARow, trips: inARow, lastAt: NOON })

/**
 * The time of a trace, cut wherever a window on a grid ends, and what each window can hold
 * over these pieces. Within a piece nothing about windows changes, so requests that come in
 * the same piece need not be told apart.
 */
import type { TraceWindow } from '../../src/simulation/trace.ts'

export interface TimeLine {
  /** Ascending; the last is the end. */
  readonly cuts: readonly number[]
}

/** Over the pieces from `first` up to `last` no more than `most` can be taken. */
export interface Stretch {
  readonly first: number
  readonly last: number
  readonly windows: number
  /** Of the first window, what is used before. */
  readonly used: number
}

/** Windows that begin with their first use may begin at any moment: time is cut this finely for them. */
const FREE_CUTS = 8

export function cutTime(windows: readonly TraceWindow[], startsAt: number, endsAt: number): TimeLine {
  const cuts = new Set([startsAt, endsAt])
  for (const { gridFrom, lengthMs } of windows) {
    const step = gridFrom === undefined ? lengthMs / FREE_CUTS : lengthMs
    const from = gridFrom ?? startsAt
    for (let at = from + Math.ceil((startsAt - from) / step) * step; at < endsAt; at += step) cuts.add(at)
  }
  return { cuts: [...cuts].sort((a, b) => a - b) }
}

/** The piece that a moment is in. */
export function pieceOf({ cuts }: TimeLine, at: number): number {
  let low = 0
  let high = cuts.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((cuts[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** What must hold of a window; for those on a grid it is exact. */
export const stretchesOf = (window: TraceWindow, line: TimeLine): readonly Stretch[] =>
  window.gridFrom === undefined ? freeStretches(window, line) : gridStretches(window, window.gridFrom, line)

function gridStretches(
  { lengthMs, initial }: TraceWindow,
  gridFrom: number,
  { cuts }: TimeLine,
): readonly Stretch[] {
  const stretches: { first: number; last: number; windows: number; used: number }[] = []
  let before: number | undefined
  for (const [piece, at] of cuts.slice(0, -1).entries()) {
    const number = Math.floor((at - gridFrom) / lengthMs)
    const current = stretches.at(-1)
    if (current !== undefined && number === before) current.last = piece
    else {
      const isInitial = initial !== undefined && at < initial.endsAt
      stretches.push({ first: piece, last: piece, windows: 1, used: isInitial ? initial.used : 0 })
    }
    before = number
  }
  return stretches
}

/**
 * Windows of one account follow each other without overlapping, so n of them meet a stretch
 * of time only if n - 2 fit into it whole with room to spare before and behind: at most
 * ⌈time ÷ length⌉ + 1. None has begun before the trace, which saves one where it begins.
 */
function freeStretches({ lengthMs, initial }: TraceWindow, { cuts }: TimeLine): readonly Stretch[] {
  const stretches: Stretch[] = []
  for (let first = 0; first < cuts.length - 1; first++) {
    for (let last = first; last < cuts.length - 1; last++) {
      const timeMs = (cuts[last + 1] ?? 0) - (cuts[first] ?? 0)
      const isFromStart = first === 0 && initial === undefined
      stretches.push({ first, last, windows: Math.ceil(timeMs / lengthMs) + (isFromStart ? 0 : 1), used: 0 })
    }
  }
  return stretches
}

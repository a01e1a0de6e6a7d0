/**
 * Time that passes only as events say: a clock for the gateway's own code, and what is to
 * happen at which moment, in a binary heap. Events of one moment happen in the order in which
 * they were planned. Must not know what happens.
 */
import type { Clock } from '../core/ports/clock.ts'
import { later, type Millis, toMillis } from '../core/time.ts'

export interface VirtualClock extends Clock {
  /** Plans `action`; the result takes it back. */
  at(moment: Millis, action: () => void): () => void
  /** Goes on to the next event and lets it happen; false when there is none (by `until`). */
  step(until?: Millis): boolean
}

interface Planned {
  readonly moment: Millis
  readonly order: number
  action: (() => void) | undefined
}

/** `chanceAt`: the throw of the dice at a moment. */
export function createVirtualClock(start: Millis, chanceAt: (now: Millis) => number): VirtualClock {
  const heap: Planned[] = []
  let now = start
  let order = 0
  const at: VirtualClock['at'] = (moment, action) => {
    const planned: Planned = { moment: toMillis(Math.max(moment, now)), order: order++, action }
    push(heap, planned)
    return () => {
      planned.action = undefined
    }
  }
  return {
    now: () => now,
    elapsed: () => now - start,
    sleep: (ms) => new Promise((resolve) => void at(later(now, ms), resolve)),
    after: (ms, action) => at(later(now, ms), action),
    chance: () => chanceAt(now),
    at,
    step(until) {
      for (;;) {
        const [first] = heap
        if (first === undefined || (until !== undefined && first.moment > until)) return false
        pop(heap)
        if (first.action === undefined) continue
        now = first.moment
        first.action()
        return true
      }
    },
  }
}

const isBefore = (a: Planned, b: Planned): boolean =>
  a.moment < b.moment || (a.moment === b.moment && a.order < b.order)

function push(heap: Planned[], added: Planned): void {
  let index = heap.length
  heap.push(added)
  while (index > 0) {
    const above = (index - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || !isBefore(added, parent)) break
    heap[index] = parent
    index = above
  }
  heap[index] = added
}

/** Takes the first away; the last sinks from the top to its place. */
function pop(heap: Planned[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let index = 0
  for (;;) {
    const left = heap[2 * index + 1]
    const right = heap[2 * index + 2]
    const isRight = left !== undefined && right !== undefined && isBefore(right, left)
    const child = isRight ? right : left
    if (child === undefined || !isBefore(child, last)) break
    heap[index] = child
    index = 2 * index + (isRight ? 2 : 1)
  }
  heap[index] = last
}

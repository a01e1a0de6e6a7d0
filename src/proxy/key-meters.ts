/**
 * Remembers what each client key has used and has under way, begun from what the storage has
 * counted. Bounded by the keys that there are. Must not decide: core/key-gauge.ts does.
 */
import type { ClientKey } from '../core/access.ts'
import { type Excess, excessOf } from '../core/key-gauge.ts'
import {
  afterArrival,
  afterEnd,
  afterRow,
  begunWith,
  type CountedUse,
  countedAt,
  type KeyUse,
  NO_USE,
  type Reservation,
  usedBy,
} from '../core/key-use.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Clock } from '../core/ports/clock.ts'

/** What of a row counts. */
export type BookedRow = Pick<
  LedgerRow,
  'keyId' | 'startedAt' | 'durationMs' | 'attempts' | 'usage' | 'costUsd'
>

export interface KeyMeters {
  useOf(keyId: string): KeyUse
  /** What keeps a request of this key out now; undefined: nothing does. */
  excessOf(key: ClientKey): Excess | undefined
  /** A request is let in; what is returned is to be given back with its row. */
  reserve(keyId: string, expected: Pick<Reservation, 'tokens' | 'usd'>): Reservation
  /** A request is over; `reservation` undefined where none was made for it. */
  booked(row: BookedRow, reservation: Reservation | undefined): void
}

export function createKeyMeters(
  clock: Pick<Clock, 'now'>,
  counted: ReadonlyMap<string, CountedUse>,
): KeyMeters {
  const uses = new Map<string, KeyUse>([...counted].map(([id, use]) => [id, begunWith(use)]))
  const useOf = (keyId: string): KeyUse => uses.get(keyId) ?? NO_USE
  return {
    useOf,
    excessOf: ({ id, rules }) => excessOf(rules, useOf(id), clock.now()),
    reserve(keyId, expected) {
      const reservation = { ...expected, at: clock.now() }
      uses.set(keyId, afterArrival(useOf(keyId), reservation))
      return reservation
    },
    booked(row, reservation) {
      if (row.keyId === undefined) return
      const used = usedBy(row)
      const before = useOf(row.keyId)
      const freed = reservation === undefined ? before : afterEnd(before, reservation, used, clock.now())
      const after = afterRow(freed, used, countedAt(row))
      if (after !== before) uses.set(row.keyId, after)
    },
  }
}

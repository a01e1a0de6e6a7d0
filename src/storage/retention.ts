/**
 * What is past its time, deleted table by table, and pages given back to the disk. Is told
 * until when; must not know a clock, because a wrong one would delete everything.
 */
import { type Millis, toMillis } from '../core/time.ts'
import { type Database, numberOf, optionalNumber } from './database.ts'
import { MOST_OWNERS } from './owners.ts'
import { type Sweep, sweepAway } from './sweeping.ts'

export interface Retention {
  /** Ledger rows that began before a moment; how many went. */
  forgetRequests(before: Millis, isOver: () => boolean): Promise<number>
  /** Events of accounts before a moment, those of removed accounts among them. */
  forgetEvents(before: Millis, isOver: () => boolean): Promise<number>
  /** Conversations that were not used since. */
  forgetBindings(before: Millis, isOver: () => boolean): Promise<number>
  /** Beyond as many as are remembered. */
  forgetOwners(isOver: () => boolean): Promise<number>
  /** The oldest ledger rows, until what the database uses fits; rows since `kept` stay. */
  fitInto(bytes: number, kept: Millis, isOver: () => boolean): Promise<Fit>
  /** Gives free pages back to the disk, but for some that will be used again. */
  shrink(isOver: () => boolean): Promise<void>
  newestRequest(): Promise<Millis | undefined>
}

export interface Fit {
  readonly forgotten: number
  readonly fits: boolean
}

/** A database that needs no page for a while need not ask the disk for it. */
const KEPT_FREE_BYTES = 16 << 20
const KEPT_FREE_PART = 0.05
const PAUSE_MS = 5
/** Of deleting, before it is measured again. */
const STEPS_BETWEEN_LOOKS = 3

/** `isCounted`: whether the history has all rows; before that none may go, or it would lack them for ever. */
export function createRetention(database: Database, isCounted: () => Promise<boolean>): Retention {
  const { upkeep } = database
  /** Looked for where it holds nothing: a deletion holds the database while it looks. */
  const forget = async (sweep: Sweep, isOver: () => boolean): Promise<number> => {
    const found = await database.read(
      `select 1 as found from ${sweep.table} ${sweep.which} limit 1`,
      sweep.values,
    )
    return found.length === 0 ? 0 : sweepAway(upkeep, sweep, isOver)
  }
  const usedBytes = async (): Promise<number> => {
    const { bytes, freeBytes } = await upkeep.measure()
    return bytes - freeBytes
  }
  return {
    forgetRequests: async (before, isOver) =>
      (await isCounted()) ? forget(requestsBefore(before), isOver) : 0,
    forgetEvents: (before, isOver) =>
      forget({ table: 'account_events', key: 'id', which: 'where at < $1', values: [before] }, isOver),
    forgetBindings: (before, isOver) =>
      forget(
        { table: 'bindings', key: 'conversation', which: 'where used_at < $1', values: [before] },
        isOver,
      ),
    async forgetOwners(isOver) {
      const [row] = await database.read(
        `select created_at from owners order by created_at desc limit 1 offset ${MOST_OWNERS}`,
      )
      if (row === undefined) return 0
      const values = [numberOf(row, 'created_at')]
      return forget({ table: 'owners', key: 'resource', which: 'where created_at <= $1', values }, isOver)
    },
    async fitInto(bytes, kept, isOver) {
      if (!(await isCounted())) return { forgotten: 0, fits: true }
      let forgotten = 0
      while ((await usedBytes()) > bytes && !isOver()) {
        let steps = 0
        const gone = await forget(requestsBefore(kept), () => isOver() || steps++ >= STEPS_BETWEEN_LOOKS)
        forgotten += gone
        if (gone === 0) return { forgotten, fits: false }
      }
      return { forgotten, fits: true }
    },
    async shrink(isOver) {
      const { bytes, freeBytes } = await upkeep.measure()
      const enough = Math.max(KEPT_FREE_BYTES, bytes * KEPT_FREE_PART)
      let before = freeBytes
      while (before > enough && !isOver()) {
        const free = await upkeep.shrink()
        // A database of an earlier version gives none back until it is compacted.
        if (free >= before) return
        before = free
        await Bun.sleep(PAUSE_MS)
      }
    },
    async newestRequest() {
      const [row = {}] = await database.load('select max(started_at) as newest from requests')
      const newest = optionalNumber(row, 'newest')
      return newest === undefined ? undefined : toMillis(newest)
    },
  }
}

const requestsBefore = (before: Millis): Sweep => ({
  table: 'requests',
  key: 'id',
  which: 'where started_at < $1 order by started_at',
  values: [before],
})

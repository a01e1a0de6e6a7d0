/**
 * Keeps the history beside the ledger. What a batch of rows counts goes into the tail in the
 * rows' own commit; from there it is added to the cells, a cut at a time, in portions, so that
 * a busy cell is not written for every request. A cut's mark says how far it has come, and moves
 * in the commit that writes its cells: nothing is counted twice or left out, whenever a process
 * dies. There is one gateway a database, so what is read before a commit is still so in it.
 *
 * Rows from before there was a history are brought in oldest first (`bringInOld`). Until that
 * is done, a row counts when it is newer than all of them or older than the place reached.
 */
import type { LedgerRow } from '../core/ledger.ts'
import type { Cut, Fact, Size } from '../core/rollup.ts'
import type { Millis } from '../core/time.ts'
import type { Database } from './database.ts'
import { dueCuts, foldPortion } from './rollup-fold.ts'
import { type Known, keptSince, loadKnown, markOf, type Taken, take, waitingFor } from './rollup-state.ts'
import { bringInOld, trim } from './rollup-upkeep.ts'

export interface Rollups {
  /** What has to be in the commit that stores these rows; `done` is to be called when it was made. */
  take(rows: readonly LedgerRow[]): Promise<Taken>
  /** It is not known what became of a commit: everything is read anew. */
  doubt(): void
  /** Adds to cells what has waited long enough. */
  fold(): Promise<void>
  /** Brings in a portion of old rows; false when there is none left. */
  bringInOld(): Promise<boolean>
  /** Whether rows are missing that the ledger has. */
  isWhole(): Promise<boolean>
  /** What `read`, which is told what waits, says of a cut's cells; and what is not in them by then. */
  withTail<T>(
    cut: Cut,
    read: (tail: readonly Fact[]) => Promise<T>,
  ): Promise<{ readonly found: T; readonly tail: readonly Fact[] }>
  keptSince(size: Size): Promise<Millis | undefined>
  /** Forgets cells that have been kept for long enough, some at a time; false when there is none left. */
  trim(now: Millis): Promise<boolean>
}

/** `share`: of the portions that cells are written in; tests want small ones. */
export function createRollups(database: Database, share = 1): Rollups {
  let loading: Promise<Known> | undefined
  const known = (): Promise<Known> => {
    loading ??= loadKnown(database)
    loading.catch(() => {
      loading = undefined
    })
    return loading
  }
  return {
    take: async (rows) => take(await known(), rows),
    doubt() {
      loading = undefined
    },
    async fold() {
      const state = await known()
      for (const cut of dueCuts(state, share)) await foldPortion(database, state, cut)
    },
    bringInOld: async () => bringInOld(database, await known()),
    isWhole: async () => (await known()).old === undefined,
    async withTail(cut, read) {
      for (;;) {
        const before = await known()
        const mark = markOf(before, cut)
        const found = await read(waitingFor(before, cut))
        const after = await known()
        if (after === before && mark === markOf(after, cut)) return { found, tail: waitingFor(after, cut) }
      }
    },
    keptSince: async (size) => keptSince(await known(), size),
    trim: async (now) => trim(database, await known(), now),
  }
}

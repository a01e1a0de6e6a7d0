/**
 * Adds what waits in the tail to the cells of one cut: a portion, in one commit with the cut's
 * mark, so that nothing is counted twice or left out, whenever a process dies.
 */
import { CUTS, type Cut, type Fact, SIZES, type Size, startOf } from '../core/rollup.ts'
import { addFact, addTally, type GrowingTally, newTally } from '../core/tally.ts'
import { type Database, type Statement, statement } from './database.ts'
import { addToCell, type Cell, cellKey, keyOfRow, replaceCell, toTally } from './rollup-cells.ts'
import { type Known, keptSince, markOf, setMark } from './rollup-state.ts'

/** A cut that is so many portions behind is not waited for any longer. */
const FAR_BEHIND = 2
const NAME = `insert into rollup_names (kind, id, name, at) values ($1, $2, $3, $4)
  on conflict (kind, id) do update set name = excluded.name, at = excluded.at
  where rollup_names.at <= excluded.at`

/** One that has a portion, each in its turn, so that no write is held up by all of them; and all that are far behind. */
export function dueCuts(state: Known, share: number): readonly Cut[] {
  const behind = CUTS.map((cut) => ({ cut, portions: waitingCount(state, cut) / (cut.portion * share) }))
  const inTurn = behind.map((_, index) => behind[(state.turn + 1 + index) % behind.length])
  const next = inTurn.find((each) => each !== undefined && each.portions >= 1)
  if (next !== undefined) state.turn = behind.indexOf(next)
  return behind.filter((each) => each === next || each.portions > FAR_BEHIND).map(({ cut }) => cut)
}

function waitingCount(state: Known, cut: Cut): number {
  const mark = markOf(state, cut)
  let count = 0
  for (const { seq, facts } of state.tail) if (seq > mark) count += facts.length
  return count
}

export async function foldPortion(database: Database, state: Known, cut: Cut): Promise<void> {
  const { facts, seq } = portionOf(state, cut)
  const cells = cellsOf(state, cut, facts)
  if (!cut.isSparse) await addPresent(database, cut, cells)
  const write = cut.isSparse ? addToCell : replaceCell
  const marks = new Map(state.marks).set(cut.name, seq)
  const done = Math.min(...CUTS.map(({ name }) => marks.get(name) ?? 0))
  const isTailShorter = (state.tail[0]?.seq ?? Number.POSITIVE_INFINITY) <= done
  await database.commit(
    [
      ...[...cells.values()].map((cell) => write(cut, cell)),
      ...namesIn(cut, facts),
      setMark(cut.name, seq),
      ...(isTailShorter ? [statement('delete from rollup_tail where seq <= $1', done)] : []),
    ],
    'normal',
  )
  state.marks.set(cut.name, seq)
  if (isTailShorter) state.tail = state.tail.filter((batch) => batch.seq > done)
}

/** Whole batches, until there are enough facts. */
function portionOf(state: Known, cut: Cut): { readonly facts: readonly Fact[]; readonly seq: number } {
  const mark = markOf(state, cut)
  const facts: Fact[] = []
  let seq = mark
  for (const batch of state.tail) {
    if (batch.seq <= mark) continue
    facts.push(...batch.facts)
    seq = batch.seq
    if (facts.length >= cut.portion) break
  }
  return { facts, seq }
}

/** Facts are added up in the smallest size, and those sums to the larger ones: there are fewer of them. */
function cellsOf(state: Known, cut: Cut, facts: readonly Fact[]): ReadonlyMap<string, Cell> {
  const [smallest = SIZES.day, ...larger] = cut.sizes
  const small = new Map<string, Cell>()
  for (const fact of facts) addFact(cellAt(small, cut, { fact, size: smallest }), fact)
  const cells = new Map(small)
  for (const { startsAt, values, tally } of small.values()) {
    for (const size of larger)
      addTally(tallyIn(cells, { size, startsAt: startOf(startsAt, size), values }), tally)
  }
  for (const [key, { size, startsAt }] of cells) {
    if (startsAt < (keptSince(state, size) ?? Number.NEGATIVE_INFINITY)) cells.delete(key)
  }
  return cells
}

function cellAt(
  cells: Map<string, Cell>,
  { dimensions }: Cut,
  { fact, size }: { readonly fact: Fact; readonly size: Size },
): GrowingTally {
  const values = dimensions.map((dimension) => fact[dimension])
  return tallyIn(cells, { size, startsAt: startOf(fact.at, size), values })
}

function tallyIn(cells: Map<string, Cell>, place: Omit<Cell, 'tally'>): GrowingTally {
  const key = cellKey(place.size, place.startsAt, place.values)
  const known = cells.get(key)
  if (known !== undefined) return known.tally
  const tally = newTally()
  cells.set(key, { ...place, tally })
  return tally
}

/** Adds what the table has of these cells. */
async function addPresent(database: Database, cut: Cut, cells: ReadonlyMap<string, Cell>): Promise<void> {
  const stretches = new Map(
    [...cells.values()].map(({ size, startsAt }) => [`${size} ${startsAt}`, { size, startsAt }]),
  )
  for (const { size, startsAt } of stretches.values()) {
    const rows = await database.load(
      'select * from rollups where cut = $1 and size = $2 and starts_at = $3',
      [cut.name, size, startsAt],
    )
    for (const row of rows) {
      const cell = cells.get(keyOfRow(cut, row))
      if (cell !== undefined) addTally(cell.tally, toTally(row))
    }
  }
}

/** What accounts and keys were called last: their rows, and they themselves, may be gone one day. */
function namesIn({ name }: Cut, facts: readonly Fact[]): readonly Statement[] {
  if (name !== 'account' && name !== 'key') return []
  const nameIn = (fact: Fact): string => (name === 'account' ? fact.accountName : fact.keyName)
  const latest = new Map<string, Fact>()
  for (const fact of facts) {
    if (nameIn(fact) !== '' && fact.at >= (latest.get(fact[name])?.at ?? 0)) latest.set(fact[name], fact)
  }
  return [...latest].map(([id, fact]) => statement(NAME, name, id, nameIn(fact), fact.at))
}

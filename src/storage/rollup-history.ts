/**
 * Answers questions about the past in whole buckets: from cells and from what waits to be added
 * to them or, while old rows are still being brought in, from the ledger's rows, page by page.
 */
import type { HistoryAnswer, HistoryGroup, HistoryQuestion } from '../core/ports/request-log.ts'
import {
  type Cut,
  cutFor,
  DIMENSIONS,
  type Dimension,
  type Fact,
  factOf,
  SIZES,
  startOf,
} from '../core/rollup.ts'
import { addFact, addTally, type GrowingTally, newTally } from '../core/tally.ts'
import { toMillis } from '../core/time.ts'
import { type Database, numberOf, textOf, type Value } from './database.ts'
import { FACT_COLUMNS, toLedgerRow } from './ledger-rows.ts'
import { type Names, readNames } from './present-names.ts'
import { SINCE, UNTIL } from './request-conditions.ts'
import { COLUMN_OF, TALLY_COLUMNS, toTally } from './rollup-cells.ts'
import type { History } from './rollup-sums.ts'

/** Where a bucket starts → value of the dimension that is asked for → what it adds up to. */
type Picture = Map<number, Map<string, GrowingTally>>

interface Drawn {
  readonly picture: Picture
  readonly facts: readonly Fact[]
}

export async function readHistory(history: History, question: HistoryQuestion): Promise<HistoryAnswer> {
  const { database, rollups } = history
  if (!(await rollups.isWhole())) return readLedger(database, question)
  const { groupBy, mostGroups } = question
  const total = await draw(history, question, undefined)
  if (groupBy === undefined) return toAnswer(question, total.picture, new Map(), () => undefined)
  const busiest = await readBusiest(history, question, groupBy)
  const groups = await draw(history, question, { by: groupBy, values: busiest.slice(0, mostGroups) })
  const names = await readNames(database, groups.facts)
  const answer = toAnswer(question, total.picture, groups.picture, names)
  return { ...answer, hasMore: busiest.length > mostGroups }
}

interface Grouped {
  readonly by: Dimension
  /** Only these. */
  readonly values: readonly string[]
}

/** The cells of a cut that the question is about, as conditions and their values. */
interface Search {
  readonly cut: Cut
  readonly where: string
  readonly values: readonly Value[]
  readonly isAbout: (fact: Fact) => boolean
}

function searchOf({ from, to, bucket, filters }: HistoryQuestion, by: Dimension | undefined): Search {
  const filtered = DIMENSIONS.filter((dimension) => filters[dimension] !== undefined)
  const cut = cutFor(by === undefined ? filtered : [by, ...filtered])
  const size = cut.sizes.includes(bucket) ? bucket : SIZES.hour
  return {
    cut,
    where: `cut = $1 and size = $2 and starts_at >= $3 and starts_at < $4${filtered
      .map((dimension, index) => ` and ${COLUMN_OF[dimension]} = $${index + 5}`)
      .join('')}`,
    values: [cut.name, size, from, to, ...filtered.map((dimension) => filters[dimension] ?? '')],
    isAbout: (fact) =>
      fact.at >= from &&
      fact.at < to &&
      filtered.every((dimension) => fact[dimension] === filters[dimension]),
  }
}

async function draw(
  { database, rollups }: History,
  question: HistoryQuestion,
  grouped: Grouped | undefined,
): Promise<Drawn> {
  const picture: Picture = new Map()
  const { cut, where, values, isAbout } = searchOf(question, grouped?.by)
  const name = grouped === undefined ? "''" : COLUMN_OF[grouped.by]
  const only = grouped === undefined ? '' : `and ${name} in (${placesAfter(values, grouped.values)})`
  const isEmpty = grouped?.values.length === 0
  const text = `select starts_at, ${name} as name, ${TALLY_COLUMNS.join(', ')} from rollups where ${where} ${only}`
  const { found, tail } = await rollups.withTail(cut, async () =>
    isEmpty ? [] : database.read(text, [...values, ...(grouped?.values ?? [])]),
  )
  for (const row of found)
    addTally(
      tallyAt(picture, startOf(toMillis(numberOf(row, 'starts_at')), question.bucket), textOf(row, 'name')),
      toTally(row),
    )
  const facts = tail.filter(isAbout)
  for (const fact of facts) {
    const value = grouped === undefined ? '' : fact[grouped.by]
    if (grouped === undefined || grouped.values.includes(value))
      addFact(tallyAt(picture, startOf(fact.at, question.bucket), value), fact)
  }
  return { picture, facts }
}

function tallyAt(picture: Picture, startsAt: number, value: string): GrowingTally {
  const bucket = picture.get(startsAt) ?? new Map<string, GrowingTally>()
  picture.set(startsAt, bucket)
  const tally = bucket.get(value) ?? newTally()
  bucket.set(value, tally)
  return tally
}

/** One more than are told apart says that there are more. Those that wait in the tail may be among the busiest. */
async function readBusiest(
  { database, rollups }: History,
  question: HistoryQuestion,
  by: Dimension,
): Promise<readonly string[]> {
  const { cut, where, values, isAbout } = searchOf(question, by)
  const most = question.mostGroups + 1
  const name = COLUMN_OF[by]
  const counted = `select ${name} as name, sum(requests) as requests from rollups where ${where}`
  const { found, tail } = await rollups.withTail(cut, async (waiting) => {
    const active = [...new Set(waiting.filter(isAbout).map((fact) => fact[by]))]
    const places = placesAfter(values, active)
    const busy = `${counted} group by ${name} order by sum(requests) desc limit $${values.length + 1}`
    return [
      ...(await database.read(busy, [...values, most])),
      ...(active.length === 0
        ? []
        : await database.read(`${counted} and ${name} in (${places}) group by ${name}`, [
            ...values,
            ...active,
          ])),
    ]
  })
  const counts = new Map(found.map((row) => [textOf(row, 'name'), numberOf(row, 'requests')]))
  for (const fact of tail) if (isAbout(fact)) counts.set(fact[by], (counts.get(fact[by]) ?? 0) + 1)
  return sorted([...counts]).slice(0, most)
}

const placesAfter = (values: readonly Value[], more: readonly Value[]): string =>
  more.map((_, index) => `$${values.length + index + 1}`).join(', ')

/** The busiest first, then by name, so that the same question has the same answer. */
const sorted = (counts: readonly (readonly [string, number])[]): readonly string[] =>
  counts.toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).map(([value]) => value)

function toAnswer(
  { mostGroups, groupBy }: HistoryQuestion,
  totals: Picture,
  groups: Picture,
  names: Names,
): HistoryAnswer {
  const total = newTally()
  const sums = new Map<string, GrowingTally>()
  for (const bucket of totals.values()) for (const tally of bucket.values()) addTally(total, tally)
  for (const bucket of groups.values()) {
    for (const [value, tally] of bucket) {
      const sum = sums.get(value) ?? newTally()
      addTally(sum, tally)
      sums.set(value, sum)
    }
  }
  const order = sorted([...sums].map(([value, { requests }]) => [value, requests]))
  const kept = order.slice(0, mostGroups)
  const named = (from: ReadonlyMap<string, GrowingTally>): readonly HistoryGroup[] =>
    kept.flatMap((value) => {
      const tally = from.get(value)
      return tally === undefined ? [] : [{ name: groupBy && names(groupBy, value), tally }]
    })
  return {
    total,
    groups: named(sums),
    hasMore: order.length > mostGroups,
    buckets: [...totals]
      .sort(([one], [other]) => one - other)
      .map(([startsAt, bucket]) => ({
        startsAt: toMillis(startsAt),
        total: bucket.get('') ?? newTally(),
        groups: named(groups.get(startsAt) ?? new Map()),
      })),
  }
}

const PAGE = 2_000
const OLD_PAGE = `select ${FACT_COLUMNS} from requests
  where ${SINCE.replaceAll('?', '$1')} and ${UNTIL.replaceAll('?', '$2')} and id > $3 order by id limit ${PAGE}`

/** Slow where there is much, and right: for the time until all old rows have been brought in. */
async function readLedger(database: Database, question: HistoryQuestion): Promise<HistoryAnswer> {
  const { from, to, groupBy, bucket } = question
  const { isAbout } = searchOf(question, groupBy)
  const totals: Picture = new Map()
  const groups: Picture = new Map()
  const named = new Map<string, Fact>()
  for (let after = '', isMore = true; isMore; ) {
    const rows = await database.read(OLD_PAGE, [from, to, after])
    for (const fact of rows.map((row) => factOf(toLedgerRow(row))).filter(isAbout)) {
      const startsAt = startOf(fact.at, bucket)
      addFact(tallyAt(totals, startsAt, ''), fact)
      if (groupBy === undefined) continue
      addFact(tallyAt(groups, startsAt, fact[groupBy]), fact)
      named.set(fact[groupBy], fact)
    }
    after = textOf(rows.at(-1) ?? {}, 'id')
    isMore = rows.length === PAGE
  }
  const names = await readNames(database, [...named.values()])
  return toAnswer(question, totals, groups, names)
}

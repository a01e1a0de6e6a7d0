/**
 * What could have been served at most, by whoever had known the future: a linear program in
 * which work may be split, goes to any account that serves its model, and finds every cache
 * as warm as it could be. An upper bound of what any strategy can do; README.md says why.
 */
import { familyOf } from '../../src/core/model.ts'
import { MINUTE } from '../../src/core/time.ts'
import { SETTINGS } from '../../src/settings.ts'
import type { Trace, TraceAccount } from '../../src/simulation/trace.ts'
import { workOf } from './measure.ts'
import { type Column, maximize, type Program, type Row } from './program.ts'
import { cutTime, pieceOf, stretchesOf, type TimeLine } from './time-line.ts'

export interface Optimum {
  /** Weighed with perfect caching. */
  readonly work: number
  readonly requests: number
  /** The work that windows could have held, had there been enough of it at every moment at which there was any. */
  readonly room: number
}

/**
 * A request may be served later than it came: patience with failures, the line for a slot or
 * for a throttle's end; and a minute for the tests of others, which are waited for too.
 */
const PATIENCE_MS =
  SETTINGS.patienceMs.initial + SETTINGS.queueMs.initial + SETTINGS.throttleWaitMs.initial + MINUTE

export async function optimumOf(trace: Trace): Promise<Optimum> {
  const plan = planOf(trace)
  const work = await maximize(workProgram(plan))
  const requests = await maximize(countProgram(plan))
  const room = await maximize(roomProgram(plan))
  return { work: work.bound, requests: requests.bound, room: room.bound }
}

/** Requests that are alike: of one family, and served in the same pieces of time if at all. */
interface Group {
  readonly family: string
  readonly first: number
  readonly last: number
  readonly works: number[]
}

interface Plan {
  readonly trace: Trace
  readonly line: TimeLine
  readonly groups: readonly Group[]
}

function planOf(trace: Trace): Plan {
  const { accounts, requests, startsAt, endsAt } = trace
  const mapped = accounts.find(({ modelMap = {} }) => Object.keys(modelMap).length > 0)
  if (mapped !== undefined)
    throw new Error(`${mapped.name} maps models: the bound knows only the families asked for.`)
  const line = cutTime(
    accounts.flatMap(({ windows }) => windows),
    startsAt,
    endsAt + PATIENCE_MS,
  )
  const groups = new Map<string, Group>()
  for (const request of requests) {
    const family = familyOf(request.model)
    const first = pieceOf(line, request.at)
    const last = pieceOf(line, request.at + PATIENCE_MS + (request.holdMs ?? 0))
    const name = `${family} ${first} ${last}`
    const group = groups.get(name) ?? { family, first, last, works: [] }
    group.works.push(workOf(request))
    groups.set(name, group)
  }
  return { trace, line, groups: [...groups.values()] }
}

/** Work of a group that goes to an account in a piece of time. */
interface Flow {
  readonly group: Group
  readonly account: TraceAccount
  readonly piece: number
}

function flowsOf({ trace, groups }: Plan): readonly Flow[] {
  return groups.flatMap((group) =>
    trace.accounts
      .filter((account) => isServing(account, group.family))
      .flatMap((account) => {
        const pieces = Array.from({ length: group.last - group.first + 1 }, (_, index) => group.first + index)
        return pieces.map((piece) => ({ group, account, piece }))
      }),
  )
}

const isServing = ({ models }: TraceAccount, family: string): boolean =>
  models === undefined || models.some((model) => familyOf(model) === family)

/** As much work as possible: each group's flows, up to what there is of it. */
function workProgram(plan: Plan): Program {
  const flows = flowsOf(plan)
  const columns = flows.map(({ group }) => ({ gain: 1, most: sum(group.works) }))
  const demands = plan.groups.map((group) => ({
    most: sum(group.works),
    entries: entriesOf(flows, (flow) => flow.group === group),
  }))
  return { columns, rows: [...demands, ...windowRows(plan, flows)] }
}

/** As many requests as possible: their work is at most what flows. */
function countProgram(plan: Plan): Program {
  const flows = flowsOf(plan)
  const columns: Column[] = flows.map(({ group }) => ({ gain: 0, most: sum(group.works) }))
  const rows: Row[] = []
  for (const group of plan.groups) {
    const entries: (readonly [number, number])[] = [...entriesOf(flows, (flow) => flow.group === group, -1)]
    for (const [work, count] of rounded(group.works)) {
      entries.push([columns.length, work])
      columns.push({ gain: 1, most: count })
    }
    rows.push({ most: 0, entries })
  }
  return { columns, rows: [...rows, ...windowRows(plan, flows)] }
}

/** More than anybody asks for; finite, so that accounts without windows have some end. */
const PLENTY = 10

function roomProgram(plan: Plan): Program {
  const flows = flowsOf(plan)
  const most = PLENTY * sum(plan.groups.map(({ works }) => sum(works)))
  return { columns: flows.map(() => ({ gain: 1, most })), rows: windowRows(plan, flows) }
}

const STEP = 1.005

/** Rounded down, so that there are fewer to tell apart and none gets dearer. */
function rounded(works: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const work of works) {
    const low = Math.min(work, STEP ** Math.floor(Math.log(Math.max(1, work)) / Math.log(STEP)))
    counts.set(low, (counts.get(low) ?? 0) + 1)
  }
  return counts
}

/**
 * A window takes its capacity and, because the last request finds it not quite spent, as much
 * again as the largest request that could be that one.
 */
function windowRows({ trace, line }: Plan, flows: readonly Flow[]): readonly Row[] {
  return trace.accounts.flatMap((account) => {
    const mine = [...flows.entries()].filter(([, flow]) => flow.account === account)
    return account.windows.flatMap((window) => {
      const metered = mine.filter(
        ([, { group }]) => window.family === undefined || window.family === group.family,
      )
      return stretchesOf(window, line).flatMap(({ first, last, windows, used }) => {
        const inside = metered.filter(([, { piece }]) => first <= piece && piece <= last)
        if (inside.length === 0) return []
        const largest = Math.max(...inside.map(([, { group }]) => Math.max(...group.works)))
        const left = Math.max(0, window.capacity - used)
        const most = left === 0 ? 0 : windows * (left + largest)
        return [{ most, entries: inside.map(([index]) => [index, 1] as const) }]
      })
    })
  })
}

function entriesOf(
  flows: readonly Flow[],
  isMeant: (flow: Flow) => boolean,
  factor = 1,
): readonly (readonly [number, number])[] {
  return flows.flatMap((flow, index) => (isMeant(flow) ? [[index, factor] as const] : []))
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/**
 * A reference that is easy to believe: requests in their order, each to an account that has
 * room, and caches that are never lost. What it serves the optimum must allow; how near it
 * comes says how tight the bound is. The meters are those of the simulation.
 */
import { familyOf } from '../../src/core/model.ts'
import { charge, type Meter, newMeter, spentOf } from '../../src/simulation/meters.ts'
import type { Trace, TraceAccount, TraceRequest } from '../../src/simulation/trace.ts'
import { workOf } from './measure.ts'

export interface Served {
  readonly work: number
  readonly requests: number
}

export interface Metered {
  readonly account: TraceAccount
  readonly meters: readonly Meter[]
}

/** The number of the one to take, among those with room. */
export type Pick = (candidates: readonly Metered[], request: TraceRequest) => number

export function serveGreedily({ accounts, requests }: Trace, pick: Pick): Served {
  const metered = accounts.map((account) => ({ account, meters: account.windows.map(newMeter) }))
  const served = { work: 0, requests: 0 }
  for (const request of requests) {
    const { at: now, model } = request
    const family = familyOf(model)
    const open = metered.filter(
      ({ account: { models }, meters }) =>
        (models === undefined || models.includes(model) || models.includes(family)) &&
        spentOf(meters, family, now) === undefined,
    )
    const chosen = open[pick(open, request)]
    if (chosen === undefined) continue
    const tokens = workOf(request)
    charge(chosen.meters, family, { tokens, now })
    served.work += tokens
    served.requests++
  }
  return served
}

/** What would go to waste first: the window that ends first, of those that end at all. */
export const soonestEnd: Pick = (candidates) => {
  const ends = candidates.map(({ meters }) =>
    Math.min(...meters.map(({ endsAt }) => endsAt ?? Number.POSITIVE_INFINITY)),
  )
  return ends.indexOf(Math.min(...ends))
}

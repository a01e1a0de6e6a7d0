/** A routing decision for people: its terms, what moving costs, every candidate. */
import type { LedgerRequest } from '../api/contract.ts'
import { table, usd } from './format.ts'
import type { Shell } from './shell.ts'

export function showDecision(output: Shell['output'], decision: LedgerRequest['decision']): void {
  const { pool, class: ofClass, wanted, moving, candidates } = decision
  if (pool !== undefined) output.line(`It was for the pool ${pool}.`)
  if (ofClass !== undefined) output.line(`It was ${ofClass} work.`)
  if (wanted !== undefined) output.line(`A rule wanted ${wanted} in the place of its model.`)
  if (moving !== undefined) {
    const price = moving.usd === undefined ? '' : ` (${usd(moving.usd)} more than reading them)`
    output.line(`Leaving its own account had ${moving.tokens} tokens of its cache written anew${price}.`)
  }
  if (candidates.length === 0) return
  output.line()
  table(
    output,
    ['CANDIDATE', 'EXCLUDED', 'UNTIL'],
    candidates.map(({ account, excluded, until }) => [account, excluded ?? 'no', until ?? '']),
  )
}

/** `spillway requests tail`: the ledger's rows as they are booked. */
import type { LedgerRequest } from '../../api/contract.ts'
import type { JsonOption } from '../command.ts'
import { follow } from '../follow.ts'
import { costOf, seconds } from '../format.ts'
import type { Shell } from '../shell.ts'

export const tail = (shell: Shell, { json }: JsonOption): Promise<never> =>
  follow(shell, {
    stream: 'streamRequests',
    show: ({ data }) => shell.output.line(json === true ? JSON.stringify(data) : lineOf(data)),
  })

function lineOf(row: LedgerRequest): string {
  const tokens = `${row.inputTokens + row.cacheReadTokens} in ${row.outputTokens} out`
  return [
    row.startedAt.slice(11, 19),
    row.account ?? '-',
    row.servedModel ?? row.model ?? '-',
    row.status,
    row.outcome,
    seconds(row.durationMs),
    tokens,
    costOf(row),
  ].join('  ')
}

/** `spillway requests …` and `why`: the ledger for people and scripts. */
import type { Command } from 'commander'
import type { ClientInput, LedgerRequest } from '../../api/contract.ts'
import { showCache } from '../cache.ts'
import { examples, type JsonOption, numeric, present, useClient, withJson } from '../command.ts'
import { csvLine } from '../csv.ts'
import { showDecision } from '../decision.ts'
import { costOf, fields, fromNow, seconds, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { type PayloadOptions, showPayload } from './request-payload.ts'
import { tail } from './requests-tail.ts'

type Filter = NonNullable<ClientInput<'listRequests'>['query']>

const FILTERS = [
  'account',
  'model',
  'status',
  'key',
  'session',
  'agent',
  'since',
  'until',
  'limit',
  'cursor',
] as const

/** Of all options only those that the API takes. */
const toFilter = (options: Filter): Filter =>
  Object.fromEntries(FILTERS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))

const withFilters = (command: Command): Command =>
  command
    .option('--account <name>', 'of this account only')
    .option('--model <name>', 'of this model only')
    .option(
      '--status <status>',
      'an HTTP status, or ok, client-error, upstream-error, refused, aborted, truncated',
    )
    .option('--key <name>', 'with this client key only')
    .option('--session <id>', 'of this session only')
    .option('--agent <id>', 'of this agent only')
    .option('--since <time>', 'ISO 8601, or a length such as 15m, 24h, 7d')
    .option('--until <time>', 'likewise')

export function addRequestCommands(program: Command, shell: Shell): void {
  const requests = program
    .command('requests')
    .description('The ledger: every request with its tokens, cost and reasons.')
  const list = withFilters(requests.command('list').description('Requests, newest first.'))
    .addOption(numeric('--limit <number>', 'how many').default(20))
    .option('--cursor <cursor>', 'go on after the page that gave this')
  examples(withJson(list), 'spillway requests list --since 1h --status upstream-error').action(
    (options: Filter & JsonOption) =>
      useClient(shell, async (client) => {
        const page = await client.listRequests({ query: toFilter(options) })
        present(shell, options, page, ({ requests: rows }) => showList(shell, rows))
      }),
  )
  withJson(
    requests
      .command('show')
      .description('One request, whole.')
      .argument('<id>')
      .option('--payload', 'its headers and bodies, where they were kept')
      .option('--raw <side>', 'the bytes of one body: request or answer'),
  ).action((id: string, options: PayloadOptions) =>
    useClient(shell, async (client, gate) => {
      if (options.payload === true || options.raw !== undefined) return showPayload(shell, gate, id, options)
      present(shell, options, await client.showRequest({ params: { id } }), (request) =>
        showOne(shell, request),
      )
    }),
  )
  withJson(requests.command('tail').description('Requests as they end; goes on until you stop it.')).action(
    (options: JsonOption) => tail(shell, options),
  )
  const exporting = withFilters(
    requests.command('export').description('Every request of the ledger, oldest page last.'),
  )
  exporting
    .option('--format <format>', 'ndjson or csv', 'ndjson')
    .action((options: Filter & { readonly format: string }) =>
      exportAll(shell, toFilter(options), options.format),
    )
  withJson(
    program
      .command('why')
      .description('Why a request went where it went.')
      .argument('<request-id>', 'as in x-spillway-request-id'),
  ).action((id: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const request = await client.showRequest({ params: { id } })
      const { decision, attempts, account, outcome, status, cache } = request
      present(shell, options, { id, account, outcome, status, decision, attempts, cache }, () =>
        explain(shell, request),
      )
    }),
  )
}

/** What `why` and `requests show` take must be there whole; the rest is there as far as there is room. */
const LIST_FIT = {
  whole: ['ID'],
  dispensable: ['TTFT', 'TOOK', 'IN', 'OUT', 'OUTCOME', 'MODEL', 'COST'],
} as const

function showList(shell: Shell, rows: readonly LedgerRequest[]): void {
  if (rows.length === 0) return shell.output.line('No request yet.')
  const now = Date.now()
  const columns = ['WHEN', 'ID', 'ACCOUNT', 'MODEL', 'STATUS', 'OUTCOME', 'TTFT', 'TOOK', 'IN', 'OUT', 'COST']
  table(
    shell.output,
    columns,
    rows.map((row) => [
      ...[
        fromNow(row.startedAt, now),
        row.id,
        row.account ?? '',
        row.servedModel ?? row.model ?? '',
        String(row.status),
        row.outcome,
      ],
      ...[
        seconds(row.ttftMs),
        seconds(row.durationMs),
        row.inputTokens + row.cacheReadTokens,
        row.outputTokens,
        costOf(row),
      ],
    ]),
    LIST_FIT,
  )
}

function showOne(shell: Shell, row: LedgerRequest): void {
  fields(shell.output, [
    ['id', row.id],
    ['started', row.startedAt],
    ['request', `${row.method} ${row.path}${row.stream ? ' (streamed)' : ''}`],
    ['answer', `${row.status} ${row.outcome}`],
    ['error', row.error],
    ['account', row.account ?? undefined],
    ['key', row.key],
    ['session', row.session],
    ['agent', row.agent],
    ['kind of agent', row.agentKind],
    [
      'model',
      row.model === row.servedModel
        ? (row.model ?? undefined)
        : `${row.model} → ${row.servedModel ?? 'none'}`,
    ],
    ['first content', seconds(row.ttftMs)],
    ['took', seconds(row.durationMs)],
    [
      'tokens',
      `${row.inputTokens} in, ${row.outputTokens} out${row.usageComplete ? '' : ' (the final count was not seen)'}`,
    ],
    [
      'cache',
      `${row.cacheReadTokens} read, ${row.cacheWrite5mTokens} written for 5 min, ${row.cacheWrite1hTokens} for 1 h`,
    ],
    ['cost', costOf(row)],
  ])
  shell.output.line()
  explain(shell, row)
}

function explain({ output }: Shell, { decision, attempts, account, cache }: LedgerRequest): void {
  output.line(
    account === null
      ? `No account served it. ${decision.refusal ?? ''}`
      : `${account} served it: ${decision.reason ?? decision.refusal ?? 'it was the only one'} (strategy ${decision.strategy}).`,
  )
  showDecision(output, decision)
  if (cache !== undefined) output.line(`Its prompt cache: ${showCache(cache)}.`)
  if (attempts.length > 0) {
    output.line()
    table(
      output,
      ['ATTEMPT', 'STATUS', 'FAILURE', 'WHAT WAS SEEN', 'TOOK'],
      attempts.map((each) => [
        each.account,
        String(each.status ?? ''),
        each.failure ?? '',
        each.detail ?? '',
        seconds(each.ms),
      ]),
    )
  }
}

async function exportAll(shell: Shell, filter: Filter, format: string): Promise<void> {
  if (format !== 'ndjson' && format !== 'csv')
    throw new CommandError(EXIT.usage, `There is no format "${format}"; use ndjson or csv.`)
  await useClient(shell, async (client) => {
    let cursor: string | undefined
    let isFirst = true
    do {
      const page = await client.listRequests({
        query: { ...filter, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) },
      })
      for (const row of page.requests) {
        if (format === 'csv' && isFirst) shell.output.line(csvLine(CSV_COLUMNS))
        shell.output.line(
          format === 'csv' ? csvLine(CSV_COLUMNS.map((column) => row[column])) : JSON.stringify(row),
        )
        isFirst = false
      }
      cursor = page.nextCursor
    } while (cursor !== undefined)
  })
}

const CSV_COLUMNS = [
  'id',
  'startedAt',
  'account',
  'provider',
  'key',
  'session',
  'agent',
  'model',
  'servedModel',
  'stream',
  'status',
  'outcome',
  'ttftMs',
  'durationMs',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'costUsd',
  'error',
] as const satisfies readonly (keyof LedgerRequest)[]

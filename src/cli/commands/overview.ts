/** `spillway status` and `stats`: the pool at a glance, and what it has served. */
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import type { Answer, Sums } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { fields, fromNow, table, usd } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'

export function addOverviewCommands(program: Command, shell: Shell): void {
  withJson(
    program.command('status').description('Whether the gateway runs and how its accounts fare.'),
  ).action((options: JsonOption) => status(shell, options))
  withJson(
    program.command('providers').description('What accounts can be of, and how each gets its credential.'),
  ).action((options: JsonOption) =>
    useClient(
      shell,
      async (client) => {
        const { providers } = await client.listProviders()
        present(shell, options, providers, (list) =>
          table(
            shell.output,
            ['ID', 'WHAT', 'CREDENTIAL', 'ADDRESS'],
            list.map(({ id, label, credential, baseUrl }) => [
              id,
              label,
              CREDENTIALS[credential],
              baseUrl ?? '(--base-url)',
            ]),
            { whole: ['ID'] },
          ),
        )
      },
      { mayCreate: true },
    ),
  )
  examples(
    withJson(
      program
        .command('stats')
        .description('What was served, by account, model and key.')
        .option('--since <time>', 'ISO 8601, or 15m, 24h, 7d'),
    ),
    'spillway stats --since 24h',
  ).action(({ since, ...options }: { readonly since?: string } & JsonOption) =>
    useClient(shell, async (client) => {
      const stats = await client.stats(since === undefined ? {} : { query: { since } })
      present(shell, options, stats, (all) => showStats(shell, all))
    }),
  )
}

const CREDENTIALS = {
  key: 'API key',
  'optional-key': 'API key, if it asks for one',
  'sign-in': 'sign-in',
} as const

async function status(shell: Shell, options: JsonOption): Promise<void> {
  await useClient(shell, async (client, gate) => {
    const health = await client.health()
    const { accounts } = await client.listAccounts()
    const { strategy } = await client.showStrategy()
    const live = gate.url === undefined ? {} : await outlookOf(client)
    const value = {
      running: gate.url !== undefined,
      url: gate.url ?? null,
      strategy,
      ...live,
      ...health,
      ...(gate.url === undefined ? { status: 'not-running' } : {}),
      states: accounts.map(({ name, state }) => ({ name, ...state })),
    }
    present(shell, options, value, () => {
      fields(shell.output, [
        ['gateway', gate.url === undefined ? 'not running' : `${gate.url}, ${health.status}`],
        ['strategy', strategy],
        ['accounts', `${health.accounts.ready} of ${health.accounts.total} ready`],
        ['outlook', live.outlook],
        ['waiting', live.waiting === 0 ? undefined : live.waiting],
        ...health.problems.map((problem) => ['problem', problem] as const),
      ])
      if (accounts.length === 0) return
      shell.output.line()
      const now = Date.now()
      table(
        shell.output,
        ['ACCOUNT', 'STATE', 'UNTIL', 'REASON'],
        accounts.map(({ name, state }) => [name, state.kind, fromNow(state.until, now), state.reason ?? '']),
      )
    })
    if (health.accounts.total > 0 && health.accounts.ready === 0) shell.exitWith(EXIT.exhausted)
  })
}

/** Until when there is something to work with, and how many wait for it. */
async function outlookOf(client: Client): Promise<{ readonly outlook?: string; readonly waiting?: number }> {
  const [{ sentence }, { waiting }] = await Promise.all([
    client.forecast({ query: { offsetMinutes: -new Date().getTimezoneOffset() } }),
    client.showQueue(),
  ])
  return { outlook: sentence, waiting: waiting.length }
}

function showStats(shell: Shell, { totals, accounts, models, keys, since }: Answer<'stats'>): void {
  shell.output.line(since === null ? 'Since the beginning' : `Since ${since}`)
  shell.output.line()
  const columns = ['', 'REQUESTS', 'OK', 'INPUT', 'CACHE READ', 'CACHE WRITE', 'OUTPUT', 'COST']
  const row = (name: string, sums: Sums) => [
    ...[name, sums.requests, sums.succeeded, sums.inputTokens, sums.cacheReadTokens],
    ...[sums.cacheWrite5mTokens + sums.cacheWrite1hTokens, sums.outputTokens, usd(sums.costUsd)],
  ]
  table(shell.output, columns, [
    row('all', totals),
    ...accounts.map((sums) => row(`account ${sums.name ?? '(none)'}`, sums)),
    ...models.map((sums) => row(`model ${sums.name ?? '(none)'}`, sums)),
    ...(keys.length > 1 || keys[0]?.name !== null
      ? keys.map((sums) => row(`key ${sums.name ?? '(none)'}`, sums))
      : []),
  ])
  if (totals.unpriced > 0)
    shell.output.note(
      `${totals.unpriced} requests used models without a known price; they are not in the cost.`,
    )
}

/** `spillway simulate`: a made-up pool, or your own last days, under each strategy. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { examples, type JsonOption, present, repeated, useClient, withJson } from '../command.ts'
import { type Cell, table, usd } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import type { SimulationReport, SimulationResult } from '../simulation.ts'

interface Options extends JsonOption {
  readonly hours?: number
  readonly accounts?: number
  readonly seed?: number
  readonly strategy?: readonly string[]
  readonly from?: 'ledger'
  readonly days?: number
}

const HOURS = 168
const ACCOUNTS = 3
const SEED = 1
const DAYS = 7

export function addSimulateCommand(program: Command, shell: Shell): void {
  const command = program
    .command('simulate')
    .description(
      'What each strategy would make of a made-up pool, or of your own last days. Nothing is sent.',
    )
    .addOption(
      whole('--hours <count>', `how long the made-up pool works (default: ${HOURS})`, {
        from: 1,
        to: 10_000,
      }),
    )
    .addOption(
      whole('--accounts <count>', `how many accounts it has (default: ${ACCOUNTS})`, { from: 1, to: 100 }),
    )
    .addOption(
      whole('--seed <number>', `another one is another pool (default: ${SEED})`, {
        from: 0,
        to: 4_294_967_295,
      }),
    )
    .addOption(repeated('--strategy <name>', 'this one; may be given several times (default: all)'))
    .addOption(new Option('--from <source>', 'replay what the gateway has served').choices(['ledger']))
    .addOption(
      whole('--days <count>', `with --from ledger: so many last days (default: ${DAYS})`, {
        from: 1,
        to: 90,
      }),
    )
  examples(
    withJson(command),
    'spillway simulate',
    'spillway simulate --accounts 5 --hours 720 --strategy affinity --strategy session',
    'spillway simulate --from ledger --days 14',
  ).action((options: Options) => run(shell, options))
}

const whole = (
  flags: string,
  description: string,
  { from, to }: { readonly from: number; readonly to: number },
): Option =>
  new Option(flags, description).argParser((text: string) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= from && value <= to) return value
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`)
  })

async function run(shell: Shell, { strategy: strategies = [], ...options }: Options): Promise<void> {
  const { hours, accounts, seed, from, days } = options
  if (from === 'ledger') {
    const made = [hours, accounts, seed].some((each) => each !== undefined)
    if (made)
      throw new CommandError(
        EXIT.usage,
        '--hours, --accounts and --seed are for a made-up pool, not for --from ledger.',
      )
    return useClient(shell, async (client) => {
      const report = await shell.simulate({
        strategies,
        source: { kind: 'ledger', days: days ?? DAYS, client },
      })
      present(shell, options, report, (all) => show(shell, all))
    })
  }
  if (days !== undefined) throw new CommandError(EXIT.usage, '--days goes with --from ledger.')
  const source = {
    kind: 'synthetic',
    hours: hours ?? HOURS,
    accounts: accounts ?? ACCOUNTS,
    seed: seed ?? SEED,
  } as const
  const report = await shell.simulate({ strategies, source })
  present(shell, options, report, (all) => show(shell, all))
}

const COLUMNS = ['STRATEGY', 'SERVED', 'REFUSED', 'REWRITTEN', 'COST', 'SWITCHES']

function show({ output }: Shell, report: SimulationReport): void {
  const { source, accounts, requests, actual, inForce, results, notes } = report
  if (requests === 0) {
    output.line('There is nothing to replay: the ledger has no conversation in these days.')
    return
  }
  const hours = Math.round((Date.parse(report.endsAt) - Date.parse(report.startsAt)) / 3_600_000)
  const what = source === 'ledger' ? 'from the ledger' : 'made up'
  output.line(
    `${count(accounts, 'account')}, ${count(hours, 'hour')}, ${count(requests, 'request')} (${what})`,
  )
  output.line()
  const rows: Cell[][] = results.map((result) => [marked(result.strategy, inForce), ...cellsOf(result)])
  if (actual !== undefined) rows.unshift(['(really happened)', ...cellsOf(actual)])
  table(output, COLUMNS, rows, { whole: ['STRATEGY'], dispensable: ['SWITCHES'] })
  output.line()
  output.note('REWRITTEN: prompt tokens written anew, because a warm cache had been left.')
  output.note('COST: at list prices, even where a plan pays. SWITCHES: of conversations.')
  if (inForce !== undefined)
    output.note('*: in force. What really happened is counted, the rest is an estimate.')
  for (const note of notes) output.note(note)
}

const marked = (strategy: string, inForce: string | undefined): string =>
  strategy === inForce ? `${strategy} *` : strategy

const cellsOf = ({
  served,
  refused,
  cacheRewriteTokens,
  costUsd,
  switches,
}: SimulationResult): readonly Cell[] => [served, refused, cacheRewriteTokens, usd(costUsd), switches]

const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`

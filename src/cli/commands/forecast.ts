/** `spillway forecast`: when each window is spent, until when the pool is safe, and how good that is. */
import type { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

interface Options extends JsonOption {
  readonly account?: string
  readonly backtest?: boolean
  readonly days?: number
}

type Forecast = Answer<'forecast'>
type WindowView = Forecast['accounts'][number]['windows'][number]

export function addForecastCommand(program: Command, shell: Shell): void {
  const command = program
    .command('forecast')
    .description('When each window is spent, and until when the pool is safe.')
    .option('--account <name>', 'the windows of this account only')
    .option('--backtest', 'how good the forecast was on your own readings')
    .addOption(numeric('--days <count>', 'with --backtest: over so many past days, 1 to 28 (default: 7)'))
  examples(
    withJson(command),
    'spillway forecast',
    'spillway forecast --account work --json',
    'spillway forecast --backtest --days 14',
  ).action((options: Options) => (options.backtest === true ? backtest : forecast)(shell, options))
}

async function forecast(shell: Shell, { account, days, ...options }: Options): Promise<void> {
  if (days !== undefined) throw new CommandError(EXIT.usage, '--days goes with --backtest.')
  await useClient(shell, async (client) => {
    const offsetMinutes = -new Date().getTimezoneOffset()
    const query = { offsetMinutes, ...(account === undefined ? {} : { account }) }
    const found = await client.forecast({ query })
    present(shell, options, found, () => showForecast(shell, found))
    if (found.pool.kind === 'out') shell.exitWith(EXIT.exhausted)
  })
}

function showForecast({ output }: Shell, { accounts, sentence, computedAt, pool }: Forecast): void {
  const now = Date.parse(computedAt)
  const rows = accounts.flatMap(({ account, windows }) =>
    windows.map((window) => [account, window.name, ...cellsOf(window, now)]),
  )
  if (rows.length > 0) {
    table(output, ['ACCOUNT', 'WINDOW', 'USED', 'PACE', 'RESETS', 'RISK', 'OUTLOOK'], rows, {
      whole: ['OUTLOOK'],
      dispensable: ['PACE', 'RESETS'],
    })
    output.line()
  }
  output.line(sentence)
  const reasons = accounts.flatMap(({ account, windows }) =>
    windows.flatMap(({ name, reason }) =>
      reason === undefined ? [] : `${account} ${name} is not known: ${reason}.`,
    ),
  )
  const isShown = new Set(accounts.map(({ account }) => account))
  const uncounted = pool.uncounted.flatMap(({ account, reason }) =>
    isShown.has(account) ? `${account} is not counted on: ${reason}.` : [],
  )
  for (const line of [...reasons, ...uncounted]) output.note(line)
}

const cellsOf = (window: WindowView, now: number): readonly string[] => [
  percent(window.utilization),
  window.presentPace === null ? '' : `${(window.presentPace * 100).toFixed(1)} %/h`,
  fromNow(window.resetsAt ?? undefined, now),
  percent(window.probability ?? null),
  outlookOf(window, now),
]

function outlookOf({ kind, spentAt, resetsAt }: WindowView, now: number): string {
  switch (kind) {
    case 'unknown':
      return 'not known'
    case 'spent':
      return 'spent'
    case 'lasts':
      return resetsAt === null ? 'lasts' : 'lasts until its reset'
    case 'runs-out': {
      const [low, mid, high] = [spentAt?.low, spentAt?.mid, spentAt?.high].map((at) =>
        at === null || at === undefined ? 'never' : fromNow(at, now).replace(/^in /, ''),
      )
      return `spent in ${mid} (${low} – ${high})`
    }
  }
}

const percent = (share: number | null): string => (share === null ? '' : `${Math.round(share * 100)} %`)

async function backtest(shell: Shell, { account, days, ...options }: Options): Promise<void> {
  await useClient(shell, async (client) => {
    const query = {
      ...(account === undefined ? {} : { account }),
      ...(days === undefined ? {} : { days }),
    }
    const found = await client.backtest({ query })
    present(shell, options, found, () => showBacktest(shell, found))
  })
}

function showBacktest({ output }: Shell, { from, to, everyHours, windows }: Answer<'backtest'>): void {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000)
  if (windows.length === 0) {
    output.line(`There is nothing to compare in the last ${days} days.`)
    output.note('A forecast needs three days of readings of a window, and readings after it to compare with.')
    return
  }
  const columns = ['WINDOW', 'AHEAD', 'FORECASTS', 'ERROR', 'NAIVE', 'IN RANGE']
  const rows = windows.flatMap(({ name, horizons }) =>
    horizons.map(({ horizon, count, error, naiveError, withinRange }) => [
      name,
      AHEAD[horizon],
      count,
      points(error),
      points(naiveError),
      percent(withinRange),
    ]),
  )
  table(output, columns, rows)
  output.line()
  output.note(`One forecast every ${everyHours} hours of the last ${days} days, with what was known then.`)
  output.note('ERROR and NAIVE (the last hour’s slope) are of the window; IN RANGE should be about 80 %.')
}

const AHEAD = { '1h': '1 h', '3h': '3 h', reset: 'its reset' } as const

const points = (share: number): string => `${(share * 100).toFixed(1)} %`

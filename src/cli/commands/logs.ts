/** `spillway logs`: the last lines of the running server's log, and what comes after them. */
import { type Command, Option } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, withJson } from '../command.ts'
import { follow, runningGate } from '../follow.ts'
import type { Shell } from '../shell.ts'

interface LogOptions extends JsonOption {
  readonly follow?: boolean
  readonly level: Level
  readonly limit: number
  readonly text?: string
  readonly request?: string
}

type Line = Answer<'listLogs'>['logs'][number]
type Level = Line['level']

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

export function addLogCommands(program: Command, shell: Shell): void {
  const logs = withJson(program.command('logs').description('The last lines of the running server’s log.'))
    .option('-f, --follow', 'go on with what comes, until you stop it')
    .addOption(new Option('--level <level>', 'at least as important').choices(LEVELS).default('debug'))
    .addOption(numeric('--limit <number>', 'so many lines at most').default(100))
    .option('--text <text>', 'lines that hold it')
    .option('--request <id>', 'lines about one request')
  examples(
    logs,
    'spillway logs -f',
    'spillway logs --level warn',
    'spillway logs --json --limit 1000',
  ).action((options: LogOptions) => showLogs(shell, options))
}

async function showLogs(shell: Shell, options: LogOptions): Promise<void> {
  const { level, limit, text, request, json } = options
  const show = (line: Line): void => shell.output.line(json === true ? JSON.stringify(line) : toText(line))
  const { client } = await runningGate(shell)
  const { logs } = await client.listLogs({
    query: {
      level,
      limit,
      ...(text === undefined ? {} : { text }),
      ...(request === undefined ? {} : { request }),
    },
  })
  for (const line of logs.toReversed()) show(line)
  if (options.follow !== true) return
  const isAsked = ({ request: about, ...line }: Line): boolean =>
    (request === undefined || about === request) &&
    (text === undefined || JSON.stringify(line).toLowerCase().includes(text.toLowerCase()))
  await follow(shell, {
    stream: 'streamLogs',
    query: { level },
    after: logs[0]?.id,
    show: ({ data }) => isAsked(data) && show(data),
  })
}

function toText({ time, level, message, request, fields, error }: Line): string {
  const pairs = Object.entries({ ...(request === undefined ? {} : { request }), ...fields })
  const words = pairs.map(([name, value]) => ` ${name}=${String(value)}`).join('')
  const stack = error === undefined ? '' : `\n${error}`
  return `${time.slice(11, 19)} ${level.padEnd(5)} ${message}${words}${stack}`
}

/** `spillway doctor`, `completion`, `version`, `serve` and `demo`. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { examples, type JsonOption, present, repeated, withJson } from '../command.ts'
import { completionScript, SHELLS } from '../completion.ts'
import { type Check, CommandError, EXIT, type Shell } from '../shell.ts'

export function addMaintenanceCommands(program: Command, shell: Shell): void {
  withJson(
    program.command('doctor').description('Look for what is wrong, and say what to do about it.'),
  ).action(async (options: JsonOption) => {
    const checks = await shell.doctor()
    present(shell, options, { checks }, () => {
      for (const check of checks) showCheck(shell, check)
    })
    if (checks.some(({ ok }) => !ok)) shell.exitWith(EXIT.findings)
  })
  examples(
    program
      .command('completion')
      .description('Print a completion script.')
      .argument('<shell>', SHELLS.join(', ')),
    'source <(spillway completion bash)',
  ).action((name: string) => {
    const script = completionScript(program, name)
    if (script === undefined)
      throw new CommandError(EXIT.usage, `There is no completion for "${name}"; use ${SHELLS.join(', ')}.`)
    shell.output.line(script)
  })
  program
    .command('version')
    .description('Print the version.')
    .action(() => shell.output.line(shell.version))
}

function showCheck({ output }: Shell, { ok, name, message, remedy }: Check): void {
  output.line(`${ok ? 'ok     ' : 'problem'}  ${name}: ${message}`)
  if (!ok && remedy !== undefined) output.line(`         → ${remedy}`)
}

export interface ServeFlags {
  readonly host?: string
  readonly port?: number
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly demo?: boolean
  readonly set?: readonly string[]
}

export function addServeCommands(program: Command, shell: Shell): void {
  const serve = program
    .command('serve')
    .description('Start the gateway.')
    .option('--host <address>', 'the address to listen on')
    .addOption(portOption())
    .option('--tls-cert <file>', 'a PEM certificate, to serve HTTPS')
    .option('--tls-key <file>', 'its key')
    .addOption(repeated('--set <name=value>', 'any setting, for this run; several times'))
    .option('--demo', 'with a simulated provider, on a throwaway data directory')
  examples(
    serve,
    'spillway serve',
    'spillway serve --port 9000',
    'spillway serve --set strategy=round-robin',
    'spillway serve --demo',
  ).action(({ demo, ...flags }: ServeFlags, command: Command) =>
    demo === true ? startDemo(shell, flags, command) : start(shell, flags),
  )
  program
    .command('demo')
    .description(
      'The gateway with a simulated provider and a trickle of traffic, on a throwaway data directory.',
    )
    .addOption(portOption())
    .action((flags: ServeFlags, command: Command) => startDemo(shell, flags, command))
}

/** Named one by one: a command's options hold those of every command, too. */
function toFlags(flags: ServeFlags): Readonly<Record<string, unknown>> {
  const { host, port, tlsCert, tlsKey, set = [] } = flags
  const pairs = set.map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined) throw new CommandError(EXIT.usage, `--set wants <name>=<value>, not "${text}".`)
    return [name, value] as const
  })
  const own = Object.entries({ host, port, tlsCert, tlsKey }).filter(([, value]) => value !== undefined)
  return Object.fromEntries([...pairs, ...own])
}

const start = async (shell: Shell, flags: ServeFlags): Promise<void> =>
  shell.exitWithChild(await shell.serve(toFlags(flags), false))

async function startDemo(shell: Shell, flags: ServeFlags, command: Command): Promise<void> {
  if (command.optsWithGlobals().dataDir !== undefined) {
    const message =
      'The demonstration has a data directory of its own and removes it at its end: leave --data-dir out.'
    throw new CommandError(EXIT.usage, message)
  }
  shell.exitWithChild(await shell.serve(toFlags(flags), true))
}

const MOST_PORT = 65_535

const portOption = (): Option =>
  new Option('--port <number>', 'the port to listen on').argParser((text: string) => {
    const port = Number(text)
    if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= MOST_PORT) return port
    throw new InvalidArgumentError(`It is not a whole number from 0 to ${MOST_PORT}.`)
  })

/**
 * The command line as a tree, and how its errors become exit codes (the contract's). Must
 * not do a command's work.
 */
import { Command, CommanderError } from 'commander'
import { ApiError } from '../api/error.ts'
import { addAccountCommands } from './commands/accounts.ts'
import { addAgentCommands } from './commands/agents.ts'
import { addAlertCommands } from './commands/alerts.ts'
import { addClientCommands } from './commands/client.ts'
import { addConfigCommands } from './commands/config.ts'
import { addControlPlaneCommands } from './commands/control-plane.ts'
import { addDatabaseCommands } from './commands/database.ts'
import { addForecastCommand } from './commands/forecast.ts'
import { addImportCommand } from './commands/import.ts'
import { addKeyCommands } from './commands/keys.ts'
import { addLogCommands } from './commands/logs.ts'
import { addMaintenanceCommands, addServeCommands } from './commands/maintenance.ts'
import { addOverviewCommands } from './commands/overview.ts'
import { addRequestCommands } from './commands/requests.ts'
import { addRouteCommands } from './commands/routes.ts'
import { addSessionCommands } from './commands/sessions.ts'
import { addSimulateCommand } from './commands/simulate.ts'
import { addUserCommands } from './commands/users.ts'
import { Cancelled, CommandError, EXIT, type ExitCode, ReaderGone, type Shell } from './shell.ts'

export interface GlobalOptions {
  readonly dataDir?: string
  readonly config?: string
}

/** Makes the shell for the options that every command understands. */
export type ShellFactory = (options: () => GlobalOptions) => Shell

export function createProgram(makeShell: ShellFactory): Command {
  const program = new Command('spillway')
  const options = { current: {} as GlobalOptions }
  const shell = makeShell(() => options.current)
  program
    .description('One endpoint in front of all your LLM accounts.')
    .version(shell.version, '-V, --version', 'print the version')
    .showHelpAfterError('Run with --help for what there is.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => shell.output.line(text.replace(/\n$/, '')) })
  addServeCommands(program, shell)
  addAccountCommands(program, shell)
  addKeyCommands(program, shell)
  addRequestCommands(program, shell)
  addSessionCommands(program, shell)
  addAgentCommands(program, shell)
  addRouteCommands(program, shell)
  addOverviewCommands(program, shell)
  addForecastCommand(program, shell)
  addAlertCommands(program, shell)
  addSimulateCommand(program, shell)
  addConfigCommands(program, shell)
  addControlPlaneCommands(program, shell)
  addUserCommands(program, shell)
  addLogCommands(program, shell)
  addClientCommands(program, shell)
  addImportCommand(program, shell)
  addDatabaseCommands(program, shell)
  addMaintenanceCommands(program, shell)
  addGlobalOptions(program)
  program.hook('preAction', (_, command) => {
    options.current = command.optsWithGlobals()
  })
  return program
}

/** `--data-dir` and `--config` work before and after every command's name. */
function addGlobalOptions(command: Command): void {
  command
    .option('--data-dir <path>', 'where the data are')
    .option('--config <file>', 'the configuration file')
  command.exitOverride()
  for (const each of command.commands) addGlobalOptions(each)
}

/** What a thrown error means to the shell that called us; the sentence goes to `print`. */
export function exitCodeOf(error: unknown, print: (sentence: string) => void): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof ReaderGone) return EXIT.ok
  if (error instanceof Cancelled) return EXIT.cancelled
  print(error instanceof Error ? error.message : String(error))
  if (error instanceof CommandError) return error.exitCode
  if (!(error instanceof ApiError)) return EXIT.failure
  switch (error.code) {
    case 'not-found':
      return EXIT.notFound
    case 'unauthenticated':
      return EXIT.notSignedIn
    case 'bad-request':
      return EXIT.usage
    default:
      return EXIT.failure
  }
}

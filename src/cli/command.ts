/**
 * How every command is run: the way to the gateway opened and closed around it, `--json` on
 * every listing, errors as sentences. Must not know a particular command.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Client } from '../api/client.ts'
import { json } from './format.ts'
import type { ConnectOptions, Gate, Shell } from './shell.ts'

export interface JsonOption {
  readonly json?: boolean
}

/** Adds `--json` to a command that shows something. */
export const withJson = (command: Command): Command =>
  command.option('--json', 'print JSON with stable fields')

/** Shows a value: as JSON where that was asked for, else as `show` does for people. */
export function present<T>(shell: Shell, options: JsonOption, value: T, show: (value: T) => void): void {
  if (options.json === true) json(shell.output, value)
  else show(value)
}

export const useClient = async <T>(
  shell: Shell,
  work: (client: Client, gate: Gate) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> => {
  const gate = await shell.connect(options)
  return work(gate.client, gate)
}

export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)

/** An option that may be given several times. */
export const repeated = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, earlier: readonly string[] = []) => [
    ...earlier,
    value,
  ])

export const numeric = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string) => {
    const number = Number(value)
    if (value.trim() === '' || Number.isNaN(number)) throw new InvalidArgumentError('It is not a number.')
    return number
  })

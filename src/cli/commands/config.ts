/** `spillway config …`: settings, where each came from, and changes to them. */
import type { Command } from 'commander'
import type { Setting } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { json, table } from '../format.ts'
import { CommandError, type ConfigFinding, EXIT, type Shell } from '../shell.ts'

export function addConfigCommands(program: Command, shell: Shell): void {
  const config = program.command('config').description('Settings, where each came from, and changes to them.')
  withJson(config.command('list').description('Every setting.')).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const { settings } = await client.showConfig()
      present(shell, options, settings, (list) => showList(shell, list))
    }),
  )
  withJson(config.command('get').description('One setting.').argument('<name>')).action(
    (name: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const { settings } = await client.showConfig()
        const setting = settings.find((each) => each.name === name)
        if (setting === undefined) {
          const message = `There is no setting called "${name}".${shell.suggestSetting(name)}`
          throw new CommandError(EXIT.usage, message)
        }
        present(shell, options, setting, ({ value }) => shell.output.line(toText(value)))
      }),
  )
  examples(
    config
      .command('set')
      .description('Change a setting that no flag, variable or file sets. Kept in the data directory.')
      .argument('<name>')
      .argument('<value>'),
    'spillway config set strategy round-robin',
    `spillway config set pools '{"default": ["subscriptions", {"group": "keys", "usdPerDay": 20}]}'`,
    'spillway config set allowedHosts gateway.lan,gateway.example.com',
  ).action((name: string, value: string) => change(shell, name, value))
  config
    .command('unset')
    .description('Take a change back.')
    .argument('<name>')
    .action((name: string) => change(shell, name, null))
  withJson(
    config
      .command('validate')
      .description('Check the environment, the configuration file, and the rules where a server runs.'),
  ).action(async (options: JsonOption) => {
    const findings = await shell.validateConfig()
    present(shell, options, { findings }, () => {
      for (const finding of findings) showFinding(shell, finding)
      if (findings.length === 0) shell.output.line('The configuration is valid.')
    })
    if (findings.length > 0) shell.exitWith(EXIT.findings)
  })
  config
    .command('schema')
    .description('Print a JSON Schema of the configuration file, for editors.')
    .action(() => json(shell.output, shell.configSchema()))
}

function showFinding({ output }: Shell, { path, message, remedy }: ConfigFinding): void {
  output.line(`${path}: ${message}`)
  if (remedy !== undefined) output.line(`    → ${remedy}`)
}

const change = (shell: Shell, name: string, value: string | null): Promise<void> =>
  useClient(
    shell,
    async (client) => {
      const { settings, notes } = await client.changeConfig({ body: { [name]: value } })
      const now = settings.find((each) => each.name === name)
      shell.output.line(`${name} is ${toText(now?.value)} (${now?.source}).`)
      for (const note of notes) shell.output.note(note)
    },
    { mayCreate: value !== null },
  )

function showList(shell: Shell, settings: readonly Setting[]): void {
  table(
    shell.output,
    ['SETTING', 'VALUE', 'UNIT', 'FROM', 'WHAT IT IS'],
    settings.map(({ name, value, unit = '', source, place, description }) => [
      name,
      toText(value),
      unit,
      place ?? source,
      description,
    ]),
  )
}

function toText(value: unknown): string {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

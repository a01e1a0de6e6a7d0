/** `spillway keys …`: keys for clients. A secret is printed once, when its key is created. */
import type { Command } from 'commander'
import { examples, type JsonOption, present, repeated, useClient, withJson } from '../command.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import {
  CLEARABLE_NAMES,
  clearedBy,
  modelChangesOf,
  modelsOf,
  type RuleOptions,
  rulesOf,
  withRules,
} from './key-options.ts'
import { showList, showOne } from './key-show.ts'

export function addKeyCommands(program: Command, shell: Shell): void {
  const keys = program
    .command('keys')
    .description('Keys for clients. Once one exists, every client must show one.')
  withJson(keys.command('list').description('All keys, without their secrets, with what they use.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { keys: all } = await client.listKeys()
        present(shell, options, all, (list) => showList(shell, list))
      }),
  )
  withJson(
    keys
      .command('show')
      .description('One key: its rules, and how each of its limits stands.')
      .argument('<name>'),
  ).action((name: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      present(shell, options, await client.showKey({ params: { id: name } }), (key) => showOne(shell, key))
    }),
  )
  addCreating(keys, shell)
  addSetting(keys, shell)
  addSwitches(keys, shell)
}

function addCreating(keys: Command, shell: Shell): void {
  examples(
    withJson(
      withRules(
        keys
          .command('create')
          .description('Create a key and print its secret, this once.')
          .argument('<name>'),
      ),
    ),
    'spillway keys create laptop',
    'spillway keys create nightly --class background --pool cheap --hold 10m',
    'spillway keys create intern --budget 5usd/day --model haiku --requests-per-minute 30 --expires 90d',
    'export ANTHROPIC_AUTH_TOKEN=$(spillway keys create ci)',
  ).action((name: string, options: RuleOptions & JsonOption) =>
    useClient(
      shell,
      async (client) => {
        const created = await client.createKey({
          body: { name, ...rulesOf(options, Date.now()), ...modelsOf(options) },
        })
        present(shell, options, created, ({ secret }) => {
          shell.output.line(secret)
          shell.output.note(
            'This is the only time that the secret is shown. From now on every client needs a key.',
          )
        })
      },
      { mayCreate: true },
    ),
  )
}

interface SetOptions extends RuleOptions, JsonOption {
  readonly name?: string
  readonly clear?: readonly string[]
}

function addSetting(keys: Command, shell: Shell): void {
  examples(
    withJson(
      withRules(keys.command('set').description('Rename a key, or change its rules.').argument('<name>'))
        .option('--name <new-name>', 'its new name')
        .addOption(
          repeated('--clear <rule>', `take a rule back: ${CLEARABLE_NAMES.join(', ')} (may be repeated)`),
        ),
    ),
    'spillway keys set ci --name builds',
    'spillway keys set nightly --prefer opus=claude-haiku-5-5 --prefer sonnet=',
    'spillway keys set nightly --clear hold',
  ).action((name: string, options: SetOptions) =>
    useClient(shell, async (client) => {
      const body = {
        ...rulesOf(options, Date.now()),
        ...modelChangesOf(options),
        ...clearedBy(options),
        ...(options.name === undefined ? {} : { name: options.name }),
      }
      if (Object.keys(body).length === 0)
        throw new CommandError(EXIT.usage, 'Say what is to change, such as --name or --pool.')
      const changed = await client.changeKey({ params: { id: name }, body })
      present(shell, options, changed, () =>
        shell.output.line(
          options.name === undefined ? `Changed the key ${name}.` : `${name} is now called ${options.name}.`,
        ),
      )
    }),
  )
}

function addSwitches(keys: Command, shell: Shell): void {
  for (const disabled of [true, false]) {
    const word = disabled ? 'disable' : 'enable'
    withJson(
      keys
        .command(word)
        .description(`${disabled ? 'Turn a key off for a while' : 'Turn a key on again'}.`)
        .argument('<name>'),
    ).action((name: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const changed = await client.changeKey({ params: { id: name }, body: { disabled } })
        present(shell, options, changed, () => shell.output.line(`The key ${name} is ${word}d.`))
      }),
    )
  }
  withJson(
    keys
      .command('revoke')
      .description('Turn a key off for good.')
      .argument('<name>')
      .option('--yes', 'do not ask'),
  ).action(async (name: string, options: { readonly yes?: boolean } & JsonOption) => {
    if (options.yes !== true && !(await shell.confirm(`Revoke the key ${name} for good?`))) return
    await useClient(shell, async (client) => {
      const revoked = await client.revokeKey({ params: { id: name } })
      present(shell, options, revoked, () => shell.output.line(`The key ${name} is revoked.`))
    })
  })
}

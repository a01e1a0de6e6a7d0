/** `spillway keys …`: keys for clients. A secret is printed once, when its key is created. */
import { type Command, Option } from 'commander'
import type { ClientInput, Key } from '../../api/contract.ts'
import { examples, type JsonOption, present, repeated, useClient, withJson } from '../command.ts'
import { fields, fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { toPair } from './account-options.ts'

export function addKeyCommands(program: Command, shell: Shell): void {
  const keys = program
    .command('keys')
    .description('Keys for clients. Once one exists, every client must show one.')
  withJson(keys.command('list').description('All keys, without their secrets.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { keys: all } = await client.listKeys()
        present(shell, options, all, (list) => showList(shell, list))
      }),
  )
  withJson(keys.command('show').description('One key.').argument('<name>')).action(
    (name: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        present(shell, options, await client.showKey({ params: { id: name } }), (key) => showOne(shell, key))
      }),
  )
  addCreating(keys, shell)
  addSetting(keys, shell)
  addSwitches(keys, shell)
}

interface RuleOptions {
  readonly pool?: string
  readonly class?: string
  readonly hold?: string
  readonly runaway?: string
  readonly payloads?: string
  readonly prefer?: readonly string[]
}

const withRules = (command: Command): Command =>
  command
    .option('--pool <name>', 'the pool or group that serves it, and the only one')
    .addOption(new Option('--class <class>', 'its class of work').choices(['interactive', 'background']))
    .option('--hold <length>', 'rather wait so long than be refused when everything is limited: 90s, 10m')
    .addOption(
      new Option('--runaway <what>', 'what happens to a client that seems to have run away').choices([
        'off',
        'warn',
        'refuse',
      ]),
    )
    .option('--payloads <what>', 'what is kept of its bodies: off, headers, errors, "sampled 5%", all')
    .addOption(
      repeated(
        '--prefer <from=to>',
        'another model in the place of one or of a family; FROM= takes it back (may be repeated)',
      ),
    )

function rulesOf({ pool, class: ofClass, hold, runaway, payloads }: RuleOptions): Rules {
  return {
    ...(pool === undefined ? {} : { pool }),
    ...(isOneOf(ofClass, CLASSES) ? { class: ofClass } : {}),
    ...(hold === undefined ? {} : { hold }),
    ...(isOneOf(runaway, RUNAWAYS) ? { runaway } : {}),
    ...(payloads === undefined ? {} : { payloads }),
  }
}

type Rules = Omit<ClientInput<'createKey'>['body'], 'name' | 'models'>

const modelsOf = ({ prefer }: RuleOptions) =>
  prefer === undefined ? {} : { models: Object.fromEntries(prefer.map(toPair)) }

/** "opus=" takes back what was preferred to it. */
function modelChangesOf({ prefer }: RuleOptions): { readonly models?: Record<string, string | null> } {
  if (prefer === undefined) return {}
  const toChange = (text: string): readonly [string, string | null] =>
    text.indexOf('=') === text.length - 1 && text.length > 1 ? [text.slice(0, -1), null] : toPair(text)
  return { models: Object.fromEntries(prefer.map(toChange)) }
}

const CLASSES = ['interactive', 'background'] as const
const RUNAWAYS = ['off', 'warn', 'refuse'] as const
const isOneOf = <Word extends string>(text: string | undefined, words: readonly Word[]): text is Word =>
  words.some((word) => word === text)

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
    'export ANTHROPIC_AUTH_TOKEN=$(spillway keys create ci)',
  ).action((name: string, options: RuleOptions & JsonOption) =>
    useClient(
      shell,
      async (client) => {
        const created = await client.createKey({ body: { name, ...rulesOf(options), ...modelsOf(options) } })
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

const CLEARABLE = ['pool', 'class', 'hold', 'runaway', 'payloads', 'models'] as const

function addSetting(keys: Command, shell: Shell): void {
  examples(
    withJson(
      withRules(keys.command('set').description('Rename a key, or change its rules.').argument('<name>'))
        .option('--name <new-name>', 'its new name')
        .addOption(repeated('--clear <rule>', `take a rule back: ${CLEARABLE.join(', ')} (may be repeated)`)),
    ),
    'spillway keys set ci --name builds',
    'spillway keys set nightly --prefer opus=claude-haiku-5-5 --prefer sonnet=',
    'spillway keys set nightly --clear hold',
  ).action((name: string, options: SetOptions) =>
    useClient(shell, async (client) => {
      const body = {
        ...rulesOf(options),
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

function clearedBy(options: SetOptions): { readonly [Name in (typeof CLEARABLE)[number]]?: null } {
  const { clear = [], prefer } = options
  const unknown = clear.find((name) => !isOneOf(name, CLEARABLE))
  if (unknown !== undefined)
    throw new CommandError(EXIT.usage, `There is no rule "${unknown}"; there are ${CLEARABLE.join(', ')}.`)
  const said = { ...options, models: prefer }
  const both = CLEARABLE.find((name) => clear.includes(name) && said[name] !== undefined)
  if (both !== undefined)
    throw new CommandError(EXIT.usage, `The rule "${both}" cannot be set and taken back at once.`)
  return Object.fromEntries(clear.map((name) => [name, null]))
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

function showList(shell: Shell, list: readonly Key[]): void {
  if (list.length === 0) {
    shell.output.line(
      'No key yet. Clients on this machine need none; "spillway keys create <name>" makes one.',
    )
    return
  }
  const now = Date.now()
  table(
    shell.output,
    ['NAME', 'STATE', 'ENDS IN', 'CREATED'],
    list.map(({ name, state, hint, createdAt }) => [name, state, `…${hint}`, fromNow(createdAt, now)]),
  )
}

function showOne(
  shell: Shell,
  { id, name, state, hint, createdAt, disabledAt, revokedAt, ...rules }: Key,
): void {
  fields(shell.output, [
    ['name', name],
    ['id', id],
    ['state', state],
    ['ends in', `…${hint}`],
    ['created', createdAt],
    ['disabled', disabledAt],
    ['revoked', revokedAt],
    ['pool', rules.pool],
    ['class', rules.class],
    ['rather waits', rules.hold],
    ['runaway', rules.runaway],
    ['payloads', rules.payloads],
    [
      'prefers',
      rules.models &&
        Object.entries(rules.models)
          .map(([from, to]) => `${to} for ${from}`)
          .join(', '),
    ],
  ])
}

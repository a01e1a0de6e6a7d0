/** `spillway keys …`: keys for clients. A secret is printed once, when its key is created. */
import type { Command } from 'commander'
import type { Key } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { fields, fromNow, table } from '../format.ts'
import type { Shell } from '../shell.ts'

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
  examples(
    withJson(
      keys.command('create').description('Create a key and print its secret, this once.').argument('<name>'),
    ),
    'spillway keys create laptop',
    'export ANTHROPIC_AUTH_TOKEN=$(spillway keys create ci)',
  ).action((name: string, options: JsonOption) =>
    useClient(
      shell,
      async (client) => {
        present(shell, options, await client.createKey({ body: { name } }), ({ secret }) => {
          shell.output.line(secret)
          shell.output.note(
            'This is the only time that the secret is shown. From now on every client needs a key.',
          )
        })
      },
      { mayCreate: true },
    ),
  )
  withJson(
    keys
      .command('set')
      .description('Rename a key.')
      .argument('<name>')
      .requiredOption('--name <new-name>', 'its new name'),
  ).action((name: string, options: { readonly name: string } & JsonOption) =>
    useClient(shell, async (client) => {
      const changed = await client.changeKey({ params: { id: name }, body: { name: options.name } })
      present(shell, options, changed, () => shell.output.line(`${name} is now called ${options.name}.`))
    }),
  )
  addSwitches(keys, shell)
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

function showOne(shell: Shell, { id, name, state, hint, createdAt, disabledAt, revokedAt }: Key): void {
  fields(shell.output, [
    ['name', name],
    ['id', id],
    ['state', state],
    ['ends in', `…${hint}`],
    ['created', createdAt],
    ['disabled', disabledAt],
    ['revoked', revokedAt],
  ])
}

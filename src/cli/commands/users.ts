/** `spillway users …`: people who may sign in to the control plane with a password. */
import { type Command, Option } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

type User = Answer<'addUser'>
type Role = User['role']

const ROLES = ['owner', 'operator', 'viewer'] as const satisfies readonly Role[]

interface PasswordOption {
  readonly passwordStdin?: boolean
}

const withPassword = (command: Command): Command =>
  command.option('--password-stdin', 'read the password from standard input')

export function addUserCommands(program: Command, shell: Shell): void {
  const users = program
    .command('users')
    .description('People who may sign in to the control plane with a password.')
  withJson(users.command('list').description('All users.')).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const { users: all } = await client.listUsers()
      present(shell, options, all, (list) => showList(shell, list))
    }),
  )
  addAdding(users, shell)
  addSetting(users, shell)
  addRemoving(users, shell)
}

function addAdding(users: Command, shell: Shell): void {
  examples(
    withJson(
      withPassword(
        users
          .command('add')
          .description('Let somebody sign in with a password.')
          .argument('<name>')
          .addOption(new Option('--role <role>', 'what they may do').choices(ROLES).makeOptionMandatory()),
      ),
    ),
    'spillway users add alice --role owner',
    'spillway users add bob --role viewer --password-stdin < password.txt',
  ).action(async (name: string, options: { readonly role: Role } & PasswordOption & JsonOption) => {
    const password = await readPassword(shell, options)
    if (password === undefined)
      throw new CommandError(EXIT.usage, 'A password is needed: hand it over with --password-stdin.')
    await useClient(
      shell,
      async (client) => {
        const user = await client.addUser({ body: { name, role: options.role, password } })
        present(shell, options, user, () =>
          shell.output.line(`${name} may sign in with this password, as ${user.role}.`),
        )
      },
      { mayCreate: true },
    )
  })
}

interface SetOptions extends PasswordOption, JsonOption {
  readonly name?: string
  readonly role?: Role
  readonly disable?: boolean
  readonly enable?: boolean
  readonly password?: boolean
}

function addSetting(users: Command, shell: Shell): void {
  examples(
    withJson(
      withPassword(
        users
          .command('set')
          .description('Change a user. But for a new name, it signs them out everywhere.')
          .argument('<name>')
          .option('--name <new-name>', 'their new name')
          .addOption(new Option('--role <role>', 'what they may do').choices(ROLES))
          .option('--password', 'ask for a new password')
          .option('--disable', 'do not let them in for a while')
          .addOption(new Option('--enable', 'let them in again').conflicts('disable')),
      ),
    ),
    'spillway users set bob --role operator',
    'spillway users set bob --password',
    'spillway users set bob --disable',
  ).action(async (name: string, options: SetOptions) => {
    const body = await changeOf(shell, options)
    if (Object.keys(body).length === 0)
      throw new CommandError(EXIT.usage, 'Say what is to change, such as --role or --password.')
    await useClient(shell, async (client) => {
      const user = await client.changeUser({ params: { id: name }, body })
      present(shell, options, user, () => shell.output.line(`Changed the user ${user.name}.`))
    })
  })
}

async function changeOf(shell: Shell, options: SetOptions): Promise<ClientInput<'changeUser'>['body']> {
  const { name, role, disable, enable } = options
  const isNew = options.password === true || options.passwordStdin === true
  const password = isNew ? await readPassword(shell, options) : undefined
  if (isNew && password === undefined)
    throw new CommandError(EXIT.usage, 'There is no terminal to ask on: use --password-stdin.')
  return {
    ...(name === undefined ? {} : { name }),
    ...(role === undefined ? {} : { role }),
    ...(password === undefined ? {} : { password }),
    ...(disable === true ? { disabled: true } : {}),
    ...(enable === true ? { disabled: false } : {}),
  }
}

function addRemoving(users: Command, shell: Shell): void {
  withJson(
    users
      .command('remove')
      .description('Remove a user and sign them out everywhere.')
      .argument('<name>')
      .option('--yes', 'do not ask'),
  ).action(async (name: string, options: { readonly yes?: boolean } & JsonOption) => {
    if (options.yes !== true && !(await shell.confirm(`Remove the user ${name}?`))) return
    await useClient(shell, async (client) => {
      const removed = await client.removeUser({ params: { id: name } })
      present(shell, options, removed, () => shell.output.line(`Removed the user ${name}.`))
    })
  })
}

/** Typed twice on a terminal, where it does not show; undefined without one. */
async function readPassword(shell: Shell, { passwordStdin }: PasswordOption): Promise<string | undefined> {
  if (passwordStdin === true) {
    const text = (await shell.readInput()).replace(/\r?\n$/, '')
    if (text === '') throw new CommandError(EXIT.usage, 'Standard input holds no password.')
    return text
  }
  const password = await shell.askSecret('Password')
  if (password === undefined) return undefined
  if (password !== (await shell.askSecret('The same again')))
    throw new CommandError(EXIT.usage, 'The two passwords are not the same. Nothing was changed.')
  return password
}

function showList(shell: Shell, users: readonly User[]): void {
  if (users.length === 0) {
    shell.output.line('No user yet. "spillway users add <name> --role owner" makes one.')
    return
  }
  const now = Date.now()
  table(
    shell.output,
    ['NAME', 'ROLE', 'STATE', 'CREATED'],
    users.map(({ name, role, createdAt, disabledAt }) => [
      name,
      role,
      disabledAt === undefined ? 'active' : 'disabled',
      fromNow(createdAt, now),
    ]),
  )
}

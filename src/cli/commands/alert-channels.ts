/** `spillway alerts channels …` and `test`: where alerts go. Addresses and passwords come on standard input, never as words. */
import { type Command, Option } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, repeated, useClient, withJson } from '../command.ts'
import { table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

type Channel = Answer<'listAlertChannels'>['channels'][number]
type Config = ClientInput<'addAlertChannel'>['body']['config']

export function addChannelCommands(alerts: Command, shell: Shell): void {
  const channels = alerts.command('channels').description('Where alerts go.')
  withJson(channels.command('list', { isDefault: true }).description('All channels.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { channels: all } = await client.listAlertChannels()
        present(shell, options, all, (list) => showChannels(shell, list))
      }),
  )
  addAdding(channels, shell)
  for (const [word, enabled] of [
    ['on', true],
    ['off', false],
  ] as const) {
    withJson(channels.command(word).description(`Turn a channel ${word}.`).argument('<name>')).action(
      (id: string, options: JsonOption) =>
        useClient(shell, async (client) => {
          const channel = await client.changeAlertChannel({ params: { id }, body: { enabled } })
          present(shell, options, channel, () =>
            shell.output.line(`The channel "${channel.name}" is ${word}.`),
          )
        }),
    )
  }
  withJson(channels.command('remove').description('Tell nobody there any more.').argument('<name>')).action(
    (id: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const channel = await client.removeAlertChannel({ params: { id } })
        present(shell, options, channel, () => shell.output.line(`The channel "${channel.name}" is gone.`))
      }),
  )
}

function showChannels({ output }: Shell, channels: readonly Channel[]): void {
  if (channels.length === 0) {
    output.line('There are no channels yet, so alerts are in the log and in "spillway alerts list" only.')
    return
  }
  const rows = channels.map(({ name, kind, target, enabled }) => [name, kind, target, enabled ? 'on' : 'off'])
  table(output, ['NAME', 'KIND', 'TARGET', 'STATE'], rows)
}

interface AddOptions extends JsonOption {
  readonly kind: Config['kind']
  readonly secretEnv?: string
  readonly host?: string
  readonly port?: number
  readonly security?: 'tls' | 'starttls' | 'none'
  readonly username?: string
  readonly from?: string
  readonly to?: readonly string[]
  readonly topicUrl?: string
}

function addAdding(channels: Command, shell: Shell): void {
  const add = channels
    .command('add')
    .description('Tell somebody more. The address or password is read from standard input.')
    .argument('<name>')
    .argument('[command...]', 'of the kind command: the program and its words, after --')
    .addOption(
      new Option('--kind <kind>', 'how')
        .choices(['webhook', 'slack', 'discord', 'ntfy', 'email', 'command'])
        .makeOptionMandatory(),
    )
    .option('--secret-env <variable>', 'read the address or password from this variable instead')
    .option('--topic-url <url>', 'ntfy: the server’s and the topic’s; a token comes on standard input')
    .option('--host <host>', 'email: the mail server')
    .addOption(numeric('--port <port>', 'email: its port (default: 587)'))
    .addOption(new Option('--security <how>', 'email').choices(['tls', 'starttls', 'none']))
    .option('--username <name>', 'email: with the password on standard input')
    .option('--from <address>', 'email')
    .addOption(repeated('--to <address>', 'email (may be repeated)'))
  examples(
    withJson(add),
    'spillway alerts channels add ops --kind slack < slack-url.txt',
    'spillway alerts channels add hook --kind webhook --secret-env HOOK_URL',
    'spillway alerts channels add mail --kind email --host smtp.example.com --username me --from me@example.com --to me@example.com < password.txt',
    'spillway alerts channels add desktop --kind command -- notify-send Spillway',
  ).action((name: string, words: readonly string[], options: AddOptions) =>
    useClient(
      shell,
      async (client) => {
        const config = await configOf(shell, words, options)
        const channel = await client.addAlertChannel({ body: { name, config } })
        present(shell, options, channel, () => showAdded(shell, channel))
      },
      { mayCreate: true },
    ),
  )
}

function showAdded({ output }: Shell, { name, signingSecret }: Answer<'addAlertChannel'>): void {
  if (signingSecret !== undefined) {
    output.line(signingSecret)
    output.note('Its receiver checks signatures with this secret. This is the only time that it is shown.')
  }
  output.note(`Try it with: spillway alerts test ${name}`)
}

async function configOf(shell: Shell, words: readonly string[], options: AddOptions): Promise<Config> {
  const { kind, topicUrl } = options
  if (kind === 'command') return { kind, argv: [...words] }
  if (words.length > 0) throw new CommandError(EXIT.usage, 'Only a channel of the kind command takes words.')
  switch (kind) {
    case 'webhook':
    case 'slack':
    case 'discord':
      return { kind, url: await secretOf(shell, options) }
    case 'ntfy': {
      if (topicUrl === undefined) return { kind, url: await secretOf(shell, options) }
      const token = await secretOf(shell, options)
      return { kind, url: topicUrl, ...(token === '' ? {} : { token }) }
    }
    case 'email':
      return emailOf(shell, options)
  }
}

async function emailOf(shell: Shell, options: AddOptions): Promise<Config> {
  const { host, port, security, username, from, to } = options
  if (host === undefined || from === undefined || to === undefined)
    throw new CommandError(EXIT.usage, 'A channel of the kind email needs --host, --from and --to.')
  return {
    kind: 'email',
    host,
    from,
    to: [...to],
    ...(port === undefined ? {} : { port }),
    ...(security === undefined ? {} : { security }),
    ...(username === undefined ? {} : { username, password: await secretOf(shell, options) }),
  }
}

async function secretOf(shell: Shell, { secretEnv }: AddOptions): Promise<string> {
  if (secretEnv === undefined) {
    const asked = shell.isInteractive ? await shell.askSecret('Address or password') : undefined
    return (asked ?? (await shell.readInput())).trim()
  }
  const value = shell.environment[secretEnv]
  if (value === undefined || value === '')
    throw new CommandError(EXIT.usage, `The variable ${secretEnv} is not set.`)
  return value.trim()
}

export function addTestCommand(alerts: Command, shell: Shell): void {
  withJson(
    alerts.command('test').description('Send a test to a channel, now and once.').argument('<channel>'),
  ).action((id: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const result = await client.testAlertChannel({ params: { id } })
      present(shell, options, result, ({ message }) => shell.output.line(message))
      if (!result.ok) shell.exitWith(EXIT.failure)
    }),
  )
}

/** `spillway env` and `run`: pointing a client at the gateway, for a shell or for one program. */
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

interface KeyOption {
  readonly key?: string
}

const DEFAULT_URL = 'http://127.0.0.1:8080'
/** Some clients insist on a credential; without keys ours is not looked at. */
const NO_KEY = 'spillway'

export function addClientCommands(program: Command, shell: Shell): void {
  examples(
    withJson(
      program
        .command('env')
        .description('Print the variables that point a client at the gateway.')
        .option('--key <key>', 'a client key'),
    ),
    'eval "$(spillway env)" && claude',
  ).action((options: KeyOption & JsonOption) =>
    useClient(shell, async (client, { url = DEFAULT_URL }) => {
      const variables = variablesFor(url, await keyFor(shell, options, client))
      present(shell, options, variables, () => {
        for (const [name, value] of Object.entries(variables)) shell.output.line(`export ${name}='${value}'`)
      })
    }),
  )
  examples(
    program
      .command('run')
      .description(
        'Run a program with its client variables set; starts a gateway for that long if none runs.',
      )
      .option('--key <key>', 'a client key')
      .argument('<command...>')
      .passThroughOptions(),
    'spillway run -- claude',
    'spillway run -- node agent.mjs',
  ).action(async (command: readonly string[], options: KeyOption) => {
    const code = await shell.run(command, async (client) => {
      const key = await keyFor(shell, options, client)
      return (url) => variablesFor(url, key)
    })
    shell.exitWithChild(code)
  })
}

async function keyFor(shell: Shell, { key }: KeyOption, client: Client): Promise<string> {
  const given = key ?? shell.environment.SPILLWAY_API_KEY
  if (given !== undefined) return given
  const { keys } = await client.listKeys()
  if (keys.length === 0) return NO_KEY
  throw new CommandError(
    EXIT.notSignedIn,
    'This gateway asks for a client key. Give yours with --key or SPILLWAY_API_KEY; "spillway keys create <name>" makes one.',
  )
}

/** The Bearer variable: with only the base URL set, clients would send their own login here. */
const variablesFor = (url: string, key: string): Readonly<Record<string, string>> => ({
  ANTHROPIC_BASE_URL: url,
  ANTHROPIC_AUTH_TOKEN: key,
})

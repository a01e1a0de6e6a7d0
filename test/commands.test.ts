/**
 * `serve` and `demo` as people meet them: what the first start says, what the demonstration
 * shows and leaves behind, and what each start that cannot be says instead.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '../src/api/client.ts'
import { readServerNote } from '../src/platform/data-directory.ts'
import { type Foreground, startForeground } from './support/foreground.ts'
import { ROOT } from './support/gateway-process.ts'
import { holdPort } from './support/hold-port.ts'
import { within } from './support/within.ts'
import { eventually } from './support/world.ts'

const LAUNCHER = ['node', join(ROOT, 'bin', 'spillway.mjs')]
const NPM = ['npm', 'start', '--']
const START_MS = 30_000
const STACK = /\n\s+at /

let directory: string
let running: Foreground[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-commands-'))
})
afterEach(async () => {
  for (const each of running) {
    each.signal('SIGTERM')
    await within(each.exited, 'a command to end')
  }
  running = []
  rmSync(directory, { recursive: true, force: true })
})

const start = (...words: readonly string[]): Foreground => {
  const started = startForeground(directory, words)
  running.push(started)
  return started
}

/** Resolves with everything it has said once it listens. */
const listening = (command: Foreground): Promise<string> =>
  eventually(
    () => {
      if (command.exitCode !== null) throw new Error(`It ended: ${command.said()}`)
      return /ANTHROPIC_BASE_URL=http/.test(command.said()) ? command.said() : undefined
    },
    'the server to listen',
    START_MS,
  )

/** How a command that cannot start ends. */
const ended = async (
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> => {
  const command = start(...words)
  const code = await within(command.exited, 'the command to end', START_MS)
  return { code, said: command.said() }
}

describe('the first start', () => {
  it.each([
    ['the launcher', [...LAUNCHER, 'serve'], 'spillway'],
    ['npm', NPM, 'npm run -s spillway --'],
  ])(
    'through %s says how to add an account, how to try it without, and how to point a client at it',
    async (_how, words, command) => {
      const said = await listening(start(...words, '--port', '0', '--data-dir', join(directory, 'data')))
      const { url = '' } = readServerNote(join(directory, 'data')) ?? {}
      expect(said).toContain(`listens on ${url}`)
      expect(said).toContain(`${command} accounts add <name> --provider console --api-key-stdin`)
      expect(said).toMatch(/spillway demo|npm start -- --demo/)
      expect(said).toContain(`export ANTHROPIC_BASE_URL=${url}`)
      expect(said).toContain(`${command} run -- claude`)
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
        status: 'ok',
        accounts: { total: 0 },
      })
    },
  )

  it('is in the XDG data home where nothing else is said', async () => {
    const said = await listening(start(...LAUNCHER, 'serve', '--port', '0'))
    const home = join(directory, 'data-home', 'spillway')
    expect(said).toContain(home)
    expect(readdirSync(home)).toContain('spillway.db')
  })
})

describe('a start through npm', () => {
  it('ends when npm alone is told to', async () => {
    const command = start(...NPM, '--port', '0', '--data-dir', join(directory, 'data'))
    await listening(command)
    command.signalAlone('SIGTERM')
    await eventually(
      () => readServerNote(join(directory, 'data')) === undefined || undefined,
      'the server to end',
    )
  })
})

describe.each([
  ['spillway demo', [...LAUNCHER, 'demo']],
  ['npm start -- --demo', [...NPM, '--demo']],
])('%s', (_name, words) => {
  it('shows three accounts of different health and a trickle of traffic, and leaves nothing behind', async () => {
    const demo = start(...words, '--port', '0')
    const said = await listening(demo)
    const data = /\(data in ([^)]+)\)/.exec(said)?.[1] ?? ''
    const { url, client } = connect(data)
    expect(said).toContain('nothing leaves this machine')
    expect(said).toContain(`status --data-dir ${data}`)
    expect((await client.listAccounts()).accounts).toHaveLength(3)
    await eventually(
      async () => (await client.listRequests({})).requests.length > 0 || undefined,
      'traffic',
      START_MS,
    )
    const states = await eventually(() => statesOf(client, url), 'an account that is not well', START_MS)
    expect(states).toContain('ready')
    expect(existsSync(join(directory, 'data-home'))).toBe(false)
    demo.signal('SIGTERM')
    expect(await within(demo.exited, 'the demonstration to end')).toBeOneOf([0, 143])
    await eventually(() => !existsSync(data) || undefined, 'the data to be removed')
    expect(readdirSync(directory).filter((name) => name.startsWith('spillway-demo'))).toEqual([])
  })
})

function connect(data: string): { readonly url: string; readonly client: Client } {
  const { url = '' } = readServerNote(data) ?? {}
  const token = readFileSync(join(data, 'admin.token'), 'utf8').trim()
  const client = createClient((path, init) => {
    const headers = { ...init.headers, 'content-type': 'application/json', authorization: `Bearer ${token}` }
    return fetch(`${url}${path}`, { ...init, headers })
  })
  return { url, client }
}

/** The kinds of the accounts’ states, once they are not all alike; helps with some traffic of its own. */
async function statesOf(client: Client, url: string): Promise<readonly string[] | undefined> {
  const body = JSON.stringify({ model: 'claude-sonnet-5-5', system: crypto.randomUUID(), messages: [] })
  await (await fetch(`${url}/v1/messages`, { method: 'POST', body })).text()
  const { accounts } = await client.listAccounts()
  const kinds = accounts.map(({ state }) => state.kind)
  return new Set(kinds).size > 1 ? kinds : undefined
}

describe('a start that cannot be', () => {
  const serve = (...more: readonly string[]) =>
    ended(...LAUNCHER, 'serve', '--port', '0', '--data-dir', join(directory, 'data'), ...more)

  const expectRefusal = (result: Awaited<ReturnType<typeof ended>>, ...words: readonly string[]): void => {
    expect(result).toMatchObject({ code: 1 })
    for (const word of words) expect(result.said).toContain(word)
    expect(result.said).not.toMatch(STACK)
    expect(result.said.trim().split('\n')).toHaveLength(1)
  }

  it('because its port is taken names the port and the way out', async () => {
    const held = holdPort()
    expectRefusal(await serve('--port', String(held.port)), `Port ${held.port}`, 'in use', '--port')
    held.release()
  })

  it('because another server has its data names that server', async () => {
    const first = start(...LAUNCHER, 'serve', '--port', '0', '--data-dir', join(directory, 'data'))
    await listening(first)
    const { url = '', pid } = readServerNote(join(directory, 'data')) ?? {}
    expectRefusal(await serve(), join(directory, 'data'), url, `process ${pid}`, '--data-dir')
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect(readServerNote(join(directory, 'data'))?.url).toBe(url)
  })

  it.if(process.platform === 'linux')('because its data directory cannot be made names it', async () => {
    expectRefusal(
      await serve('--data-dir', '/proc/spillway'),
      'The data directory /proc/spillway cannot be',
      '--data-dir',
    )
  })

  it('because its data directory is a file names it, and leaves the file alone', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, 'mine')
    expectRefusal(await serve('--data-dir', file), `The data directory ${file} cannot be`, '--data-dir')
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  it('because its database is damaged names the file and what to do, and leaves it alone', async () => {
    const file = join(directory, 'data', 'spillway.db')
    mkdirSync(join(directory, 'data'))
    writeFileSync(file, Buffer.alloc(8_192, 'no database'))
    expectRefusal(await serve(), file, 'is damaged', 'Restore a backup')
    expect(readFileSync(file).equals(Buffer.alloc(8_192, 'no database'))).toBe(true)
  })

  it.each([
    ['no JSON', '{"port": ', 'cannot be read'],
    ['a list', '[]', 'one JSON object'],
    ['an unknown setting', '{"strategie": "session"}', 'Did you mean "strategy"?'],
    ['a value that is none', '{"retryAttempts": "many"}', 'must be a whole number'],
  ])('because its configuration file has %s names the file', async (_what, text, words) => {
    const file = join(directory, 'config.json')
    writeFileSync(file, text)
    expectRefusal(await serve('--config', file), file, words)
    expect(existsSync(join(directory, 'data'))).toBe(false)
  })

  it.each([
    ['an address of another machine', ['--host', '192.0.2.1'], '192.0.2.1'],
    ['a certificate without its key', ['--tls-cert', '/nowhere.pem'], '--tls-key'],
    [
      'a certificate that is not there',
      ['--tls-cert', '/nowhere.pem', '--tls-key', '/nowhere.key'],
      '/nowhere.pem',
    ],
  ])('because of %s says so', async (_what, words, named) => {
    expectRefusal(await serve(...words), named)
  })
})

/**
 * The command line as people start it: its tree, its help, what it says to wrong words, and
 * completion. What single commands do is in the other cli tests.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../package.json'
import { bareSpillway, type Ran, spillway, temporaryDirectory } from './support/command-line.ts'
import { hasTool } from './support/tools.ts'

/** The commands of the contract, as far as they are there. */
const COMMANDS = [
  ...['serve', 'demo', 'why', 'status', 'stats', 'env', 'run', 'doctor', 'completion', 'version'],
  ...['list', 'show', 'add', 'remove', 'rename', 'pause', 'resume', 'set', 'test', 'clear-cooldown'].map(
    (name) => `accounts ${name}`,
  ),
  ...['accounts export', 'accounts import'],
  ...['list', 'create', 'show', 'set', 'disable', 'enable', 'revoke'].map((name) => `keys ${name}`),
  ...['list', 'show', 'tail', 'export'].map((name) => `requests ${name}`),
  ...['get', 'set', 'unset', 'list', 'validate'].map((name) => `config ${name}`),
  'db check',
]

const SHOWS = [
  ...['accounts list', 'accounts show', 'keys list', 'keys show', 'requests list', 'requests show'],
  ...['requests tail', 'config list', 'config get', 'status', 'stats', 'why', 'doctor', 'db check', 'env'],
]

let directory: string
beforeAll(() => {
  directory = temporaryDirectory()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const run = (words: string | readonly string[]): Promise<Ran> =>
  spillway(directory, typeof words === 'string' ? words.split(' ') : words)

describe('the help', () => {
  it('lists every command of the tree, each with what it is for', async () => {
    const helps = await Promise.all(['', 'accounts', 'keys', 'requests', 'config', 'db'].map(helpOf))
    const listed = helps.flatMap(({ path, commands }) =>
      commands.map(({ name, description }) => {
        expect(description).toMatch(/\w/)
        return path === '' ? name : `${path} ${name}`
      }),
    )
    expect(COMMANDS.filter((command) => !listed.includes(command))).toEqual([])
  })

  it.each(COMMANDS)('of "%s" says how it is used', async (command) => {
    const { code, out } = await run(`${command} --help`)
    expect(code).toBe(0)
    expect(out).toStartWith(`Usage: spillway ${command}`)
    expect(out).toContain('--data-dir <path>')
    if (SHOWS.includes(command)) expect(out).toContain('--json')
  })

  it('comes in every way that it is asked for', async () => {
    const [flag, word, short] = await Promise.all([run('--help'), run('help'), run('-h')])
    expect([flag?.code, word?.code, short?.code]).toEqual([0, 0, 0])
    expect(flag?.out).toBe(word?.out ?? '')
    expect(flag?.out).toBe(short?.out ?? '')
  })
})

describe('the version', () => {
  it('is that of the package, by every name', async () => {
    const answers = await Promise.all([run('version'), run('--version'), run('-V')])
    expect(answers.map(({ code, out }) => [code, out])).toEqual(answers.map(() => [0, `${version}\n`]))
  })

  it('comes through npm, and from another directory, just the same', async () => {
    const npm = await spillway(directory, ['version'], { through: 'npm' })
    expect([npm.code, npm.out, npm.err]).toEqual([0, `${version}\n`, ''])
    const elsewhere = await spillway(directory, ['version'], { cwd: directory })
    expect([elsewhere.code, elsewhere.out]).toEqual([0, `${version}\n`])
  })
})

describe('a wrong use', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['nonsense']],
    ['an unknown command of a group', ['accounts', 'nonsense']],
    ['a group alone', ['accounts']],
    ['an unknown option', ['accounts', 'list', '--nonsense']],
    ['an argument too few', ['accounts', 'show']],
    ['an argument too many', ['accounts', 'list', 'extra']],
    ['an option without its value', ['requests', 'list', '--account']],
    ['a missing required option', ['accounts', 'add', 'work']],
    ['a port that is no number', ['serve', '--port', 'abc']],
    ['an empty number', ['accounts', 'set', 'work', '--priority', '']],
    ['a limit that is no number', ['requests', 'list', '--limit', 'many']],
    ['a limit of nothing', ['requests', 'list', '--limit', '0']],
    ['an unknown status', ['requests', 'list', '--status', 'bogus']],
    ['a time that is none', ['requests', 'list', '--since', 'yesterday']],
    ['a time that is none for sums', ['stats', '--since', 'yesterday']],
    ['an unknown format', ['requests', 'export', '--format', 'xml']],
    ['an unknown shell', ['completion', 'powershell']],
    [
      'an unknown provider',
      ['accounts', 'add', 'x', '--provider', 'nope', '--base-url', 'http://127.0.0.1:1'],
    ],
    [
      'a name with blanks',
      ['accounts', 'add', 'a b', '--provider', 'anthropic-compatible', '--base-url', 'http://127.0.0.1:1'],
    ],
    [
      'a base URL that is none',
      ['accounts', 'add', 'x', '--provider', 'anthropic-compatible', '--base-url', 'nowhere'],
    ],
    [
      'a model map without =',
      ['accounts', 'add', 'x', '--provider', 'anthropic-compatible', '--model-map', 'opus'],
    ],
    ['no key where one is needed', ['accounts', 'add', 'x', '--provider', 'console']],
    [
      'an empty standard input for a key',
      ['accounts', 'add', 'x', '--provider', 'console', '--api-key-stdin'],
    ],
    [
      'a variable for a key that is not set',
      ['accounts', 'add', 'x', '--provider', 'console', '--api-key-env', 'NOT_SET'],
    ],
    ['a setting that does not exist', ['config', 'set', 'strategie', 'session']],
    ['a setting to show that does not exist', ['config', 'get', 'nothing']],
    ['a setting’s value that does not exist', ['config', 'set', 'strategy', 'fastest']],
    ['a program to run that is missing', ['run']],
  ])('ends with 2 and says what is wrong: %s', async (_what, words) => {
    const { code, out, err } = await run(words)
    expect({ words, code, err }).toEqual({ words, code: 2, err: expect.stringMatching(/\w/) })
    expect(out).toBe('')
    expect(err).not.toMatch(STACK)
  })

  it('of a command is answered with the way to its help', async () => {
    expect((await run('accounts list --nonsense')).err).toContain('Run with --help for what there is.')
  })
})

describe('what is not there', () => {
  it.each([
    ['an account to show', 'accounts show nobody', 'There is no account "nobody".'],
    ['an account to change', 'accounts set nobody --priority 1', 'There is no account "nobody".'],
    ['an account to rename', 'accounts rename nobody somebody', 'There is no account "nobody".'],
    ['an account to pause', 'accounts pause nobody', 'There is no account "nobody".'],
    ['an account to resume', 'accounts resume nobody', 'There is no account "nobody".'],
    ['an account to clear', 'accounts clear-cooldown nobody', 'There is no account "nobody".'],
    ['an account to test', 'accounts test nobody', 'There is no account "nobody".'],
    ['an account to remove', 'accounts remove nobody --yes', 'There is no account "nobody".'],
    ['a key to show', 'keys show nobody', 'There is no key "nobody".'],
    ['a key to rename', 'keys set nobody --name somebody', 'There is no key "nobody".'],
    ['a key to disable', 'keys disable nobody', 'There is no key "nobody".'],
    ['a key to enable', 'keys enable nobody', 'There is no key "nobody".'],
    ['a key to revoke', 'keys revoke nobody --yes', 'There is no key "nobody".'],
    ['a request to show', 'requests show nothing', 'There is no request nothing in the ledger.'],
    ['a request to explain', 'why nothing', 'There is no request nothing in the ledger.'],
    [
      'a file to import',
      'accounts import /nowhere/accounts.json',
      'The file /nowhere/accounts.json cannot be read.',
    ],
  ])('ends with 3 and is named: %s', async (_what, words, sentence) => {
    const { code, out, err } = await run(words)
    expect([code, out, err.trim()]).toEqual([3, '', sentence])
  })
})

describe('the data directory', () => {
  it('may be named before and after a command, and by its variable', async () => {
    const own = join(directory, 'own')
    const listing = await Promise.all([
      bareSpillway(directory, ['--data-dir', join(own, '1'), 'config', 'set', 'strategy', 'session']),
      bareSpillway(directory, ['config', '--data-dir', join(own, '2'), 'set', 'strategy', 'session']),
      bareSpillway(directory, ['config', 'set', 'strategy', 'session', '--data-dir', join(own, '3')]),
      bareSpillway(directory, ['config', 'set', 'strategy', 'session'], {
        environment: { SPILLWAY_DATA_DIR: join(own, '4') },
      }),
    ])
    expect(listing.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    const again = await Promise.all(
      ['1', '2', '3', '4'].map((name) =>
        bareSpillway(directory, ['config', 'get', 'strategy', '--data-dir', join(own, name)]),
      ),
    )
    expect(again.map(({ out }) => out)).toEqual(again.map(() => 'session\n'))
  })

  it('is in the XDG data home when nothing else is said', async () => {
    await bareSpillway(directory, ['config', 'set', 'strategy', 'session'])
    const where = join(directory, 'data-home', 'spillway')
    const { out } = await bareSpillway(directory, ['config', 'get', 'strategy', '--data-dir', where])
    expect(out).toBe('session\n')
  })
})

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s knows every command', async (shell) => {
    const { code, out, err } = await run(`completion ${shell}`)
    expect([code, err]).toEqual([0, ''])
    for (const command of COMMANDS) expect(out).toContain(command.split(' ').at(-1) ?? '')
  })

  it.if(hasTool('bash'))('for bash offers what may come next', async () => {
    const { out: script } = await run('completion bash')
    const file = join(directory, 'completion.bash')
    writeFileSync(file, script)
    const offers = (line: string): readonly string[] => {
      const words = line.split(' ').map((word) => `'${word}'`)
      const code = `source '${file}'; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _spillway; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, exitCode } = Bun.spawnSync(['bash', '-c', code])
      expect(exitCode).toBe(0)
      return stdout
        .toString()
        .split('\n')
        .filter((word) => word !== '')
    }
    expect(offers('spillway acc')).toEqual(['accounts'])
    expect(offers('spillway accounts ')).toEqual(expect.arrayContaining(['list', 'add', 'clear-cooldown']))
    expect(offers('spillway accounts add --prov')).toEqual(['--provider'])
    expect(offers('spillway accounts nonsense ')).toEqual([])
  })

  it.if(hasTool('fish'))('for fish is a script that fish can read', async () => {
    const { out } = await run('completion fish')
    expect(Bun.spawnSync(['fish', '--no-execute'], { stdin: Buffer.from(out) }).exitCode).toBe(0)
  })

  it.if(hasTool('zsh'))('for zsh is a script that zsh can read', async () => {
    const { out } = await run('completion zsh')
    expect(Bun.spawnSync(['zsh', '-n'], { stdin: Buffer.from(out) }).exitCode).toBe(0)
  })
})

const STACK = /\n\s+at /

async function helpOf(path: string) {
  const { out } = await run(path === '' ? '--help' : `${path} --help`)
  const list = out.split('Commands:\n')[1] ?? ''
  const commands = [...list.matchAll(/^ {2}(\S+)(.*)$/gm)].map(([, name = '', rest = '']) => ({
    name,
    description: rest.replace(/^(?: \[options\]| <[^>]+>| \[[^\]]+\])*/, '').trim() || rest,
  }))
  return { path, commands }
}

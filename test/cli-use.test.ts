/** The command line in a user's hands: readers that leave, servers that go, wrong places and names, programs to run. */
import { afterEach, describe, expect, it } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPlace, type Place, type Ran, startSpillway } from './support/command-line.ts'
import { hasTool } from './support/tools.ts'
import { within } from './support/within.ts'

let place: Place
afterEach(() => place.stop())

const STACK = /\n\s+at |EPIPE|ENOSPC:|ECONNRESET/

describe('requests tail', () => {
  it('ends with 69 and a sentence when the server goes away and does not come back', async () => {
    place = await openPlace(true)
    await place.addAccount('work')
    const tail = startSpillway(place.directory, ['requests', 'tail'])
    const read = tail.stdout.getReader()
    // It shows the first request that comes while it listens.
    const asking = setInterval(() => void place.world.ask(), 200)
    await within(read.read(), 'a line of the tail')
    clearInterval(asking)
    await place.stopServer()
    read.releaseLock()
    const code = await within(tail.exited, 'the tail to end', 25_000)
    const err = await tail.stderr.text()
    expect(err).toMatch(/server.*\.\n$/)
    expect(err).not.toMatch(STACK)
    expect(code).toBe(69)
  })
})

describe('a reader that has had enough', () => {
  it.if(hasTool('bash'))('ends a command that goes on quietly', async () => {
    place = await openPlace(true)
    await place.addAccount('work')
    const asking = setInterval(() => void place.world.ask(), 100)
    const { code, out, err } = await within(piped('requests tail | head -1'), 'the tail to end')
    clearInterval(asking)
    expect([code, err]).toEqual([0, ''])
    expect(out.split('\n')).toHaveLength(2)
  })

  it.if(hasTool('bash'))('ends a command quietly', async () => {
    place = await openPlace(false)
    const { err } = await piped('config list --json | head -1')
    expect(err).toBe('')
    expect((await piped('help | head -1')).err).toBe('')
    const left = await piped('config list --json | (exec 0<&-; sleep 1)')
    expect([left.code, left.err]).toEqual([0, ''])
  })

  it.if(existsSync('/dev/full') && hasTool('bash'))('is not a device that is full', async () => {
    place = await openPlace(false)
    const { code, err } = await piped('config list > /dev/full')
    expect(code).toBe(1)
    expect(err).toMatch(/^The output cannot be written: .+\n$/)
    expect(err).not.toMatch(/\n\s+at /)
  })
})

const piped = (words: string): Promise<Ran> => place.shell(`node bin/spillway.mjs ${words}`)

describe('run', () => {
  it('asks for a key where the gateway does, as env does', async () => {
    place = await openPlace(false)
    await place.run('keys create laptop')
    const words = ['run', '--', 'node', '-p', 'process.env.ANTHROPIC_AUTH_TOKEN']
    const [run, env] = [await place.run(words), await place.run('env')]
    expect([run.code, run.out, run.err]).toEqual([4, '', env.err])
    const given = await place.run(['run', '--key', 'mine', ...words.slice(1)])
    expect([given.code, given.out]).toEqual([0, 'mine\n'])
  })

  it('does not hand on who launched it', async () => {
    place = await openPlace(false)
    const { out } = await place.run(['run', '--', 'node', '-p', 'process.env.SPILLWAY_LAUNCHER_PID'])
    expect(out).toBe('undefined\n')
  })

  it('of a program that is not there ends with 127', async () => {
    place = await openPlace(false)
    const { code, err } = await place.run('run -- nosuchprog')
    expect([code, err]).toEqual([127, 'The program nosuchprog was not found.\n'])
  })
})

describe('config', () => {
  it.each([
    ['broken', '{"port": '],
    ['no object', '[]'],
    ['wrong', '{"port": "many"}'],
  ])('validate finds a file that is %s', async (_what, text) => {
    place = await openPlace(false)
    const file = join(place.directory, 'config.json')
    writeFileSync(file, text)
    const { code, out, err } = await place.run(['config', 'validate', '--config', file])
    expect([code, err]).toEqual([5, ''])
    expect(out).toContain(file)
  })

  it('validate misses a file that was named, and not one that was not', async () => {
    place = await openPlace(false)
    const file = join(place.directory, 'none.json')
    const byFlag = await place.run(['config', 'validate', '--config', file, '--json'])
    const byVariable = await place.run('config validate', { environment: { SPILLWAY_CONFIG: file } })
    expect(byFlag.code).toBe(5)
    expect(byFlag.json<object>()).toMatchObject({ findings: [{ path: file }] })
    expect([byVariable.code, byVariable.out]).toEqual([
      5,
      `${file}: There is no such file.\n    → Create it, or leave --config and SPILLWAY_CONFIG out.\n`,
    ])
    expect((await place.run('config validate')).code).toBe(0)
  })

  it('validate asks a running server whether the rules fit its accounts, and prints a remedy', async () => {
    place = await openPlace(true)
    const file = join(place.directory, 'config.json')
    writeFileSync(file, '{"pools": {"work": ["nobody"]}}')
    const { code, out } = await place.run(['config', 'validate', '--config', file], {
      environment: { SPILLWAY_STRATEGIE: 'session' },
    })
    expect(code).toBe(5)
    expect(out).toContain('SPILLWAY_STRATEGIE: There is no setting behind this variable. Did you mean')
    expect(out).toContain('pools.work.tiers[0]: No account is in the group "nobody".')
    expect(out).toContain(`    → Correct it in ${file}`)
  })

  it('schema prints what editors complete by, without a server', async () => {
    place = await openPlace(false)
    const { code, json } = await place.run('config schema')
    expect(code).toBe(0)
    expect(json<object>()).toMatchObject({ properties: { strategy: { default: 'affinity' } } })
  })

  it('set is refused where a variable says otherwise', async () => {
    place = await openPlace(false)
    const { code, err } = await place.run('config set strategy session', {
      environment: { LB_STRATEGY: 'headroom' },
    })
    expect(code).toBe(1)
    expect(err).toStartWith('The setting strategy is set by the variable LB_STRATEGY')
  })

  it('says which setting was meant, whatever is done with it', async () => {
    place = await openPlace(false)
    for (const words of ['get strategi', 'set strategi session', 'unset strategi']) {
      const { code, err } = await place.run(`config ${words}`)
      expect([words, code, err]).toEqual([
        words,
        2,
        'There is no setting called "strategi". Did you mean "strategy"?\n',
      ])
    }
  })
})

describe('serve', () => {
  it.each(['70000', '-1', '1.5'])('takes no port %s', async (port) => {
    place = await openPlace(false)
    const { code, err } = await place.run(['serve', '--port', port])
    expect(code).toBe(2)
    expect(err).toContain('from 0 to 65535')
  })

  it.each([
    ['nonsense', '--set wants <name>=<value>, not "nonsense".'],
    ['portt=1', '--set portt: There is no setting called "portt". Did you mean "port"?'],
    ['port=99999', '--port: The setting port must be a whole number from 0 to 65535.'],
  ])('is refused with --set %s, which says why', async (pair, words) => {
    place = await openPlace(false)
    const { code, err } = await place.run(['serve', '--set', pair])
    expect(code).not.toBe(0)
    expect(err).toContain(words)
  })

  it('says what HTTPS needs in a sentence of its own', async () => {
    place = await openPlace(false)
    const { err } = await place.run(['serve', '--port', '0', '--tls-cert', '/nowhere.pem'])
    expect(err).toBe('HTTPS needs both a certificate and its key: --tls-cert and --tls-key.\n')
  })

  it('does not begin without a configuration file that was named', async () => {
    place = await openPlace(false)
    const file = join(place.directory, 'none.json')
    const { code, err } = await place.run(['serve', '--port', '0', '--config', file])
    expect(code).not.toBe(0)
    expect(err).toStartWith(`The configuration file ${file} does not exist.`)
  })

  it('as a demonstration takes no data directory', async () => {
    place = await openPlace(false)
    for (const words of ['demo', 'serve --demo']) {
      const { code, err } = await place.run([...words.split(' '), '--data-dir', place.dataDirectory])
      expect([words, code]).toEqual([words, 2])
      expect(err).toContain('--data-dir')
    }
    expect(existsSync(place.dataDirectory)).toBe(false)
  })
})

describe('a name', () => {
  it.each(['a/b', '..', '.', 'a\\b', ''])('that no path can carry (%p) is nobody’s', async (name) => {
    place = await openPlace(false)
    const show = await place.run(['accounts', 'show', name])
    const remove = await place.run(['accounts', 'remove', name, '--yes'])
    const sentence = `There is no account "${name}".\n`
    expect([show.code, show.err, remove.code, remove.err]).toEqual([3, sentence, 3, sentence])
  })
})

describe('a data directory that was named and is not there', () => {
  it.each(['accounts list', 'status', 'stats', 'requests list', 'config get port', 'env', 'doctor'])(
    'is not made by "%s"',
    async (words) => {
      place = await openPlace(false)
      const none = join(place.directory, 'none')
      const { code, out, err } = await place.run([...words.split(' '), '--data-dir', none])
      expect(`${out}${err}`).toContain(`There is no data directory ${none}.`)
      expect(code).toBeOneOf([3, 5])
      expect(existsSync(none)).toBe(false)
    },
  )
})

describe('what is shown', () => {
  it('of an account has its weight and tier', async () => {
    place = await openPlace(false)
    await place.addAccount('work', '--weight', '2', '--tier', '20')
    const { out } = await place.run('accounts show work')
    expect(out).toMatch(/^weight +2$/m)
    expect(out).toMatch(/^tier +20$/m)
  })

  it('of a gateway that does not run is not "ok"', async () => {
    place = await openPlace(false)
    await place.run('config set strategy session')
    const { json } = await place.run('status --json')
    expect(json<object>()).toMatchObject({ running: false, status: 'not-running' })
  })

  it('of a request that used no token is that it cost nothing', async () => {
    place = await openPlace(true)
    await place.world.ask({ model: 'claude-nobody-knows' })
    await place.world.rows(1)
    const { out } = await place.run('requests list')
    expect(out).toContain('$0.0000')
    expect(out).not.toContain('unpriced')
  })

  it('by doctor of a host that is not there ends with one dot', async () => {
    place = await openPlace(false)
    const url = ['--base-url', 'https://nowhere.invalid']
    await place.run(['accounts', 'add', 'lost', '--provider', 'anthropic-compatible', ...url])
    const { out } = await place.run('doctor')
    expect(out).toContain('account lost: It cannot be reached')
    expect(out).not.toContain('..')
  })
})

describe('an API key', () => {
  it('comes one way only', async () => {
    place = await openPlace(false)
    const { code, err } = await place.addAccount('work', '--api-key-env', 'OTHER')
    expect(code).toBe(2)
    expect(err).toContain('--api-key-env')
  })
})

describe('accounts import', () => {
  const entry = { provider: 'anthropic-compatible', baseUrl: 'http://127.0.0.1:1' }

  it('takes what the API lists as well', async () => {
    place = await openPlace(false)
    const input = JSON.stringify({ accounts: [{ ...entry, name: 'work' }] })
    const { code, out } = await place.run('accounts import -', { input })
    expect([code, out]).toEqual([0, 'Added the account work.\n'])
  })

  it('names a variable that is not set, and what is no account', async () => {
    place = await openPlace(false)
    const input = JSON.stringify([{ ...entry, name: 'work', apiKeyEnv: 'NOT_SET' }, 7, null])
    const { code, err } = await place.run('accounts import -', { input })
    expect(code).toBe(1)
    expect(err.split('\n')).toEqual([
      'work: The environment variable NOT_SET is empty or not set.',
      'Entry 2: It is not an object.',
      'Entry 3: It is not an object.',
      '',
    ])
  })
})

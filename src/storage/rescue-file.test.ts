/** The file for renewed credentials that the database does not take: kept whole or not at all. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { idOf, NOON } from '../../test/support/samples.ts'
import { toSealedSecret } from '../core/account.ts'
import { openRescueFile, type Rescued } from './rescue-file.ts'

let directory = ''
let path = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-rescue-'))
  path = join(directory, 'credentials.journal')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the rescue file', () => {
  it('is not there at first, and holds nothing then', () => {
    expect(openRescueFile(path).all()).toEqual([])
    expect(existsSync(path)).toBe(false)
  })

  it('gives back what it was given, oldest first, also to another run', () => {
    const entries = [entry('a', 1), entry('b', 4), entry('a', 2)]
    for (const each of entries) expect(openRescueFile(path).keep(each)).toBe(true)
    expect(openRescueFile(path).all()).toEqual(entries)
  })

  it('gives back credentials that have no refresh token or no end', () => {
    const credential = { secret: toSealedSecret('v1.s'), refreshSecret: undefined, tokenExpiresAt: undefined }
    const file = openRescueFile(path)
    file.keep({ id: idOf('a'), version: 1, credential })
    expect(file.all()).toEqual([{ id: idOf('a'), version: 1, credential }])
  })

  it('is for its owner alone', () => {
    openRescueFile(path).keep(entry('a', 1))
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('passes over a line that was cut off', () => {
    const file = openRescueFile(path)
    file.keep(entry('a', 1))
    const whole = readFileSync(path, 'utf8')
    appendFileSync(path, whole.slice(0, whole.length / 2))
    expect(file.all()).toEqual([entry('a', 1)])
  })

  it('does not lose what is kept after a line that was cut off', () => {
    appendFileSync(path, '{"id":"id-a","version":1,"crede')
    const file = openRescueFile(path)
    expect(file.keep(entry('b', 7))).toBe(true)
    expect(file.all()).toEqual([entry('b', 7)])
  })

  it.each(['null', '7', '"text"', '[]', '{}', '{"id":"a","version":1}', '\u0000\u0000\u0000'])(
    'passes over a line that is no entry: %s',
    (line) => {
      const file = openRescueFile(path)
      appendFileSync(path, `${line}\n`)
      file.keep(entry('a', 1))
      expect(file.all()).toEqual([entry('a', 1)])
    },
  )

  it('says so when it cannot keep anything, and throws nothing', () => {
    mkdirSync(path)
    expect(openRescueFile(path).keep(entry('a', 1))).toBe(false)
    expect(openRescueFile(join(directory, 'missing', 'file')).keep(entry('a', 1))).toBe(false)
  })

  it('is gone once cleared, and takes new entries', () => {
    const file = openRescueFile(path)
    file.keep(entry('a', 1))
    file.clear()
    file.clear()
    expect(existsSync(path)).toBe(false)
    file.keep(entry('b', 2))
    expect(file.all()).toEqual([entry('b', 2)])
  })
})

function entry(name: string, version: number): Rescued {
  const credential = {
    secret: toSealedSecret(`v1.secret-${name}-${version}`),
    refreshSecret: toSealedSecret(`v1.refresh-${name}-${version}`),
    tokenExpiresAt: NOON,
  }
  return { id: idOf(name), version, credential }
}

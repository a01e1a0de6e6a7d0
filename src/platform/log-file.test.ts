/** A log file is bounded, private, and gives way to whatever happens to its disk. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
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
import { eventually } from '../../test/support/world.ts'
import { type LogFile, openLogFile } from './log-file.ts'

let directory: string
let path: string
let file: LogFile | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-log-'))
  path = join(directory, 'gateway.log')
})
afterEach(async () => {
  await file?.flush()
  file?.close()
  file = undefined
  rmSync(directory, { recursive: true, force: true })
})

const open = (mostBytes: number, keeps: () => number = () => 3): LogFile => {
  file = openLogFile({ path, mostBytes: () => mostBytes, keeps })
  return file
}
const line = (number: number): string => `{"line":${String(number).padStart(3, '0')}}\n`
const names = (): readonly string[] => readdirSync(directory).sort()
const written = (): string =>
  names()
    .toReversed()
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('')

describe('a log file', () => {
  it('goes on where it was, for its owner only', async () => {
    writeFileSync(path, 'earlier\n', { mode: 0o644 })
    open(1_000).write(line(1))
    await file?.flush()
    expect(readFileSync(path, 'utf8')).toBe(`earlier\n${line(1)}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('that is full becomes the first of the old ones; the oldest goes', async () => {
    open(5 * line(0).length)
    const lines = Array.from({ length: 32 }, (_, index) => line(index))
    for (const each of lines) file?.write(each)
    await file?.flush()
    await eventually(() => written().length === 17 * line(0).length, 'the old files')
    expect(names()).toEqual(['gateway.log', 'gateway.log.1', 'gateway.log.2', 'gateway.log.3'])
    expect(written()).toBe(lines.slice(-17).join(''))
    for (const name of names()) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
    expect(file?.dropped).toBe(0)
  })

  it('keeps fewer as soon as fewer are wanted, and none where none is', async () => {
    let keeps = 3
    open(line(0).length, () => keeps)
    for (let number = 0; number < 8; number++) file?.write(line(number))
    expect(names()).toHaveLength(4)
    keeps = 0
    file?.write(line(9))
    await file?.flush()
    expect(names()).toEqual(['gateway.log'])
    expect(readFileSync(path, 'utf8')).toBe(line(9))
  })

  it('takes a line that is longer than all of it', async () => {
    open(10).write(line(1))
    file?.write(line(2))
    await file?.flush()
    expect(readFileSync(path, 'utf8')).toBe(line(2))
  })

  it('goes on in the same file where no other can be made, and says so', async () => {
    open(2 * line(0).length, () => 1)
    mkdirSync(`${path}.1`)
    writeFileSync(join(`${path}.1`, 'in the way'), '')
    for (let number = 0; number < 3; number++) file?.write(line(number))
    await file?.flush()
    expect(readFileSync(path, 'utf8')).toBe(line(0) + line(1) + line(2))
    expect(file?.problem).toContain('gateway.log')
    rmSync(`${path}.1`, { recursive: true })
    for (let number = 3; number < 6; number++) file?.write(line(number))
    await file?.flush()
    expect(file?.problem).toBeUndefined()
    expect(file?.dropped).toBe(0)
  })

  it.skipIf(!existsSync('/dev/full'))(
    'drops lines on a disk that is full, counted, and says why',
    async () => {
      path = '/dev/full'
      const full = openLogFile({ path, mostBytes: () => 1_000, keeps: () => 1 })
      full.write(line(1))
      full.write(line(2))
      await full.flush()
      expect(full.dropped).toBe(2)
      expect(full.problem).toContain('ENOSPC')
      full.close()
    },
  )

  it('that cannot be opened is an error at once', () => {
    path = join(directory, 'nowhere', 'gateway.log')
    expect(() => open(1_000)).toThrow('ENOENT')
  })
})

/**
 * What is kept of bodies: in a file of its own, private, sealed, bounded in size and age; and
 * that whatever is wrong with it is said and costs nothing but payloads.
 */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canLimitFileSize, limitFileSize } from '../../test/support/file-size-limit.ts'
import { memoryLog, NOON } from '../../test/support/samples.ts'
import { type TickingClock, tickingClock } from '../../test/support/ticking-clock.ts'
import { toGatewayError } from '../core/error.ts'
import type { GatheredPayload } from '../core/ports/payloads.ts'
import { DAY, MINUTE, toMillis } from '../core/time.ts'
import { type ClosablePayloads, createPayloads, type PayloadSettings } from './payloads.ts'

const MEGABYTE = 1 << 20
const KEY = randomBytes(32)

let directory: string
let file: string
let clock: TickingClock
let settings: PayloadSettings
let log: ReturnType<typeof memoryLog>
let payloads: ClosablePayloads

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-payloads-'))
  file = join(directory, 'payloads.db')
  clock = tickingClock()
  log = memoryLog()
  settings = { budgetBytes: 1 << 30, retentionDays: 7, patterns: [] }
  payloads = open()
})
afterEach(async () => {
  await payloads.close()
  rmSync(directory, { recursive: true, force: true })
})

const open = (key = KEY): ClosablePayloads =>
  createPayloads({ file, key: () => key, settings: () => settings, clock, log })

const reopen = async (key = KEY): Promise<void> => {
  await payloads.close()
  payloads = open(key)
}

interface Fields {
  readonly body?: string | Uint8Array
  readonly answer?: readonly Uint8Array[]
  readonly secrets?: readonly string[]
  readonly at?: number
}

const gathered = (id: string, { body = 'question', answer = [], secrets = [], at }: Fields = {}) => {
  const request = Buffer.from(body)
  const size = answer.reduce((sum, piece) => sum + piece.length, 0)
  return {
    ...{ id, at: toMillis(at ?? clock.now()), method: 'POST', target: '/v1/messages', secrets },
    ...{ status: 200, outcome: 'ok', account: 'a', model: 'm', servedModel: undefined },
    request: { headers: [['x-a', '1']], pieces: [request], size: request.length },
    answer: { headers: [['content-type', 'text/plain']], pieces: answer, size },
  } satisfies GatheredPayload
}

const keep = (id: string, fields: Fields = {}): void => payloads.keep(gathered(id, fields), 0)
const refusalOf = async (id: string): Promise<string> => {
  const error = toGatewayError(await payloads.read(id).catch((thrown: unknown) => thrown))
  expect(error.code).toBe('unavailable')
  return error.message
}
const noise = (bytes: number): Buffer => randomBytes(bytes)
const idsOf = async (ids: readonly string[]): Promise<readonly string[]> => {
  const there = await Promise.all(ids.map((id) => payloads.has(id)))
  return ids.filter((_, index) => there[index])
}

describe('a payload', () => {
  it('comes back as it was, whatever bytes it is and however they were split', async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => noise(index * 37))
    keep('one', { body: noise(100_000), answer: pieces })
    const kept = await payloads.read('one')
    expect(kept).toMatchObject({
      ...{ id: 'one', at: NOON, method: 'POST', status: 200, outcome: 'ok', account: 'a', model: 'm' },
      request: { headers: [['x-a', '1']], size: 100_000, kept: 'whole', marks: [] },
      answer: { kept: 'whole', redactions: [] },
    })
    expect(Buffer.from(kept?.answer?.body ?? []).equals(Buffer.concat(pieces))).toBe(true)
  })

  it('leaves the bytes that passed alone: they may still be on their way', async () => {
    const piece = Buffer.from('the key sk-ant-api03-abcdefgh')
    keep('one', { answer: [piece] })
    expect(Buffer.from((await payloads.read('one'))?.answer?.body ?? []).toString()).toBe(
      `the key ${'*'.repeat(21)}`,
    )
    expect(piece.toString()).toBe('the key sk-ant-api03-abcdefgh')
  })

  it('is redacted by the patterns that are set now', async () => {
    keep('before', { body: 'project hydra is 中文 hydra' })
    await payloads.has('before')
    settings = { ...settings, patterns: ['(?i)HYDRA', '[中文]+'] }
    keep('after', { body: 'project hydra is 中文 hydra' })
    expect(Buffer.from((await payloads.read('before'))?.request.body ?? []).toString()).toContain('hydra')
    const { request } = (await payloads.read('after')) ?? {}
    expect(Buffer.from(request?.body ?? []).toString()).toBe('project ***** is ****** *****')
    expect(request?.redactions).toEqual([
      { rule: '(?i)HYDRA', count: 2 },
      { rule: '[中文]+', count: 1 },
    ])
  })

  it('that was compressed on its way is not kept, because nothing can be found in it', async () => {
    const part = { headers: [['content-encoding', 'gzip'] as const], pieces: [noise(9)], size: 9 }
    payloads.keep({ ...gathered('one'), answer: part }, 0)
    expect((await payloads.read('one'))?.answer).toMatchObject({ kept: 'nothing', size: 9 })
  })

  it('of which only headers are wanted has no body, and its size', async () => {
    const { request } = gathered('one')
    const wanted = { ...gathered('one'), request: { ...request, pieces: undefined }, answer: undefined }
    payloads.keep(wanted, 0)
    expect(await payloads.read('one')).toMatchObject({
      request: { kept: 'nothing', size: 8, headers: [['x-a', '1']] },
      answer: undefined,
    })
  })

  it('is there after a restart, and forgotten one by one or all at once', async () => {
    for (const id of ['a', 'b', 'c']) keep(id)
    await reopen()
    expect(await idsOf(['a', 'b', 'c'])).toEqual(['a', 'b', 'c'])
    expect(await payloads.forget('b')).toBe(true)
    expect(await payloads.forget('b')).toBe(false)
    expect(await idsOf(['a', 'b', 'c'])).toEqual(['a', 'c'])
    expect(await payloads.clear()).toBe(2)
    expect(await payloads.summary()).toMatchObject({ count: 0, oldest: undefined })
  })
})

describe('the file', () => {
  const filesThere = (): readonly string[] => readdirSync(directory)

  it('is not there, nor is anything else, as long as nothing is kept', async () => {
    expect(await payloads.read('one')).toBeUndefined()
    expect(await payloads.has('one')).toBe(false)
    expect(await payloads.clear()).toBe(0)
    await payloads.trim(clock.now())
    expect(await payloads.summary()).toEqual({ count: 0, bytes: 0, oldest: undefined, newest: undefined })
    expect(filesThere()).toEqual([])
  })

  it('is for its owner alone', async () => {
    keep('one')
    await payloads.has('one')
    expect(filesThere().length).toBeGreaterThan(1)
    for (const name of filesThere()) expect(statSync(join(directory, name)).mode & 0o077).toBe(0)
  })

  it('holds nothing in plain sight', async () => {
    keep('one', { body: 'a very particular sentence' })
    await payloads.has('one')
    const all = filesThere().map((name) => readFileSync(join(directory, name), 'latin1'))
    expect(all.join('')).toContain('one')
    expect(all.join('')).not.toContain('particular')
  })

  it('opens with its own key only, and each payload for its own request', async () => {
    keep('one')
    keep('two')
    await reopen(randomBytes(32))
    expect(await refusalOf('one')).toContain('cannot be opened with this data directory’s key')
    await reopen()
    await payloads.has('one')
    const other = new Database(file)
    other.run("update payloads set sealed = (select sealed from payloads where id = 'two') where id = 'one'")
    other.close()
    expect(await refusalOf('one')).toContain('is damaged')
    expect((await payloads.read('two'))?.id).toBe('two')
  })
})

describe('the budget', () => {
  it('is held: the oldest go first, the newest are there, and the file is no larger', async () => {
    settings = { ...settings, budgetBytes: 4 * MEGABYTE }
    const ids = Array.from({ length: 40 }, (_, index) => `p${index}`)
    for (const [index, id] of ids.entries()) {
      keep(id, { body: noise(MEGABYTE / 4), at: NOON + index })
      if (index % 10 === 9) await payloads.has(id)
    }
    const { count, bytes, oldest } = await payloads.summary()
    expect(count).toBeGreaterThan(10)
    expect(await idsOf(ids)).toEqual(ids.slice(-count))
    expect(oldest).toBe(toMillis(NOON + 40 - count))
    expect(bytes).toBeLessThanOrEqual(8 * MEGABYTE)
  })

  it('that is lowered gives its room back to the disk', async () => {
    for (let index = 0; index < 32; index++) keep(`p${index}`, { body: noise(MEGABYTE / 2) })
    await payloads.has('p0')
    settings = { ...settings, budgetBytes: 2 * MEGABYTE }
    await payloads.trim(clock.now())
    expect((await payloads.summary()).count).toBeGreaterThan(0)
    const left = readdirSync(directory).map((name) => statSync(join(directory, name)).size)
    expect(left.reduce((sum, size) => sum + size, 0)).toBeLessThan(8 * MEGABYTE)
  })
})

describe('the retention', () => {
  it('forgets what is older, and keeps what is not', async () => {
    keep('old', { at: NOON - 7 * DAY - 1 })
    keep('young', { at: NOON - 7 * DAY + 1 })
    await payloads.has('young')
    await payloads.trim(clock.now())
    expect(await idsOf(['old', 'young'])).toEqual(['young'])
    await clock.advance(DAY)
    await payloads.trim(clock.now())
    expect(await idsOf(['young'])).toEqual([])
  })

  it('of 0 days keeps everything', async () => {
    settings = { ...settings, retentionDays: 0 }
    keep('old', { at: NOON - 700 * DAY })
    await payloads.has('old')
    await payloads.trim(clock.now())
    expect(await payloads.has('old')).toBe(true)
  })
})

describe('memory', () => {
  it('has a bound: what is too much is left out and counted', async () => {
    const much = 120 * MEGABYTE
    expect(payloads.hold(much)).toBe(true)
    expect(payloads.hold(16 * MEGABYTE)).toBe(false)
    keep('too much', { body: noise(9 * MEGABYTE) })
    expect(payloads.status()).toMatchObject({ dropped: 1, problem: expect.stringContaining('left out') })
    payloads.letGo(much)
    keep('fits', { body: noise(9 * MEGABYTE) })
    expect(await idsOf(['too much', 'fits'])).toEqual(['fits'])
    expect(payloads.status()).toEqual({ waiting: 0, dropped: 1, problem: undefined })
  })

  it('is given back when payloads are written, and when they are left out', async () => {
    for (let round = 0; round < 30; round++) {
      const id = `p${round}`
      expect(payloads.hold(8 * MEGABYTE)).toBe(true)
      payloads.keep(gathered(id), 8 * MEGABYTE)
      await payloads.has(id)
    }
    expect(payloads.hold(128 * MEGABYTE)).toBe(true)
    expect(payloads.status().dropped).toBe(0)
  })
})

describe('a file that cannot be used', () => {
  it('is told as that, costs payloads only, and is tried again', async () => {
    writeFileSync(file, 'this is no database, and it is long enough to be looked at as one'.repeat(20))
    keep('one')
    expect(await refusalOf('one')).toContain('is damaged')
    expect(payloads.status()).toEqual({
      waiting: 0,
      dropped: 1,
      problem: expect.stringContaining('move it and its -wal and -shm files aside'),
    })
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1)
    rmSync(file)
    keep('two')
    expect(await payloads.has('two')).toBe(true)
    expect(payloads.status()).toMatchObject({ dropped: 1, problem: undefined })
  })

  it('fills no log: what comes and goes is said once a minute', async () => {
    const warnings = (): number => log.lines.filter((line) => line.startsWith('warn')).length
    for (let round = 0; round < 5; round++) {
      expect(payloads.hold(128 * MEGABYTE)).toBe(true)
      keep('too much')
      payloads.letGo(128 * MEGABYTE)
      keep(`p${round}`)
      expect(await payloads.has(`p${round}`)).toBe(true)
      expect(payloads.status()).toMatchObject({ dropped: round + 1, problem: undefined })
    }
    expect(warnings()).toBe(1)
    await clock.advance(MINUTE)
    payloads.hold(128 * MEGABYTE)
    keep('too much')
    expect(warnings()).toBe(2)
  })

  it.if(canLimitFileSize)('because the disk is full is told, until there is room', async () => {
    keep('before')
    expect(await payloads.has('before')).toBe(true)
    limitFileSize(process.pid, 0)
    try {
      for (let index = 0; index < 3; index++) keep(`p${index}`, { body: noise(MEGABYTE) })
      await payloads.has('p0').catch(() => {})
    } finally {
      limitFileSize(process.pid, undefined)
    }
    expect(payloads.status()).toMatchObject({ waiting: 0, dropped: 3, problem: expect.any(String) })
    keep('after')
    expect(await idsOf(['before', 'p0', 'after'])).toEqual(['before', 'after'])
    expect(payloads.status().problem).toBeUndefined()
    expect(existsSync(file)).toBe(true)
  })
})

/**
 * The forecast end to end: weeks of readings in the database, the present from the provider,
 * and what the API and the command line make of them. How it is reckoned is in
 * `src/core/forecast*`; here it is that all of it arrives.
 */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { join } from 'node:path'
import type { Answer } from '../src/api/contract.ts'
import { json } from '../src/simulator/replies.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { keyOf } from './support/world.ts'

const HOUR = 3_600_000
/** So much of its week is left to the simulated vendor's account, and so much of it is used. */
const LEFT_HOURS = 96
const USED = 0.4
const PER_HOUR = 0.01

type Forecast = Answer<'forecast'>

let place: Place
beforeEach(async () => {
  place = await openPlace(true)
})
afterEach(() => place.stop())

const api = () => place.world.api
const windowOf = ({ accounts }: Forecast, name: string) =>
  accounts.flatMap(({ windows }) => windows).find((window) => window.name === name)

describe('GET /api/forecast', () => {
  it('says when a window is spent, from weeks of readings and the present one', async () => {
    await addVendor('work', { weeks: 3 })
    const forecast = await api().forecast({})
    const week = windowOf(forecast, '7d')
    expect(week).toMatchObject({ kind: 'runs-out', utilization: USED, probability: 1 })
    expect(week?.presentPace).toBeCloseTo(PER_HOUR)
    expect(week?.usualPace).toBeCloseTo(PER_HOUR)
    const hours = (Date.parse(week?.spentAt?.mid ?? '') - Date.now()) / HOUR
    expect(hours).toBeWithin(55, 65)
    expect(forecast.pool).toMatchObject({
      kind: 'forecast',
      certainty: 0.9,
      usable: 1,
      total: 1,
      tightest: { account: 'work', window: '7d' },
      uncounted: [],
    })
    expect((Date.parse(forecast.pool.safeUntil ?? '') - Date.now()) / HOUR).toBeWithin(50, 65)
    expect(forecast.sentence).toMatch(
      /^Safe until \w+ \d\d:\d\d UTC · 1 of 1 account usable · tightest: 7d on work$/,
    )
  })

  it('says what is missing where little is known', async () => {
    await addVendor('work', { weeks: 0 })
    const forecast = await api().forecast({})
    expect(windowOf(forecast, '7d')).toMatchObject({
      kind: 'unknown',
      reason: 'it has been read only once so far',
    })
    expect(forecast.pool.kind).toBe('unknown')
    expect(forecast.sentence).toStartWith('Not known: work: ')
  })

  it('does not only see the oldest of a long history', async () => {
    const id = await addVendor('work', { weeks: 0 })
    // Thousands; nothing was used before the last two days.
    const used = (hour: number): number => Math.max(0, USED + hour * PER_HOUR)
    insert(id, 27 * 24, (hour) => ({ used: used(hour), endsIn: LEFT_HOURS }), 5)
    expect(windowOf(await api().forecast({}), '7d')?.presentPace).toBeCloseTo(PER_HOUR)
  })

  it('is kept while nothing changes, and reckoned anew when an account changes', async () => {
    await addVendor('work', { weeks: 3 })
    const first = await api().forecast({})
    await Bun.sleep(2)
    expect((await api().forecast({})).computedAt).toBe(first.computedAt)
    await api().pauseAccount({ params: { id: 'work' } })
    const { pool, accounts } = await api().forecast({})
    expect([accounts[0]?.state, pool.kind, pool.uncounted]).toEqual([
      'paused',
      'unknown',
      [{ account: 'work', reason: 'it is paused' }],
    ])
  })

  it('is open-ended with an account that has no windows', async () => {
    await addVendor('work', { weeks: 3 })
    await addKey('key')
    const { pool, sentence } = await api().forecast({})
    expect([pool.kind, pool.usable]).toEqual(['open-ended', 2])
    expect(sentence).toStartWith('Safe: key has no windows · 2 of 2 accounts usable')
  })

  it('shows one account’s windows where one is asked for, and knows who is not there', async () => {
    await addVendor('work', { weeks: 3 })
    await addVendor('home', { weeks: 0 })
    const { accounts, pool } = await api().forecast({ query: { account: 'home' } })
    expect([accounts.map(({ account }) => account), pool.total]).toEqual([['home'], 2])
    await expect(api().forecast({ query: { account: 'nobody' } })).rejects.toThrow('no account "nobody"')
  })
})

describe('GET /api/forecast/backtest', () => {
  it('scores forecasts of the past days beside the naive reference', async () => {
    await addVendor('work', { weeks: 4 })
    const { windows, everyHours } = await api().backtest({ query: { days: 3 } })
    expect(everyHours).toBe(3)
    expect(windows.map(({ name }) => name)).toEqual(['7d'])
    const [hour, three] = windows[0]?.horizons ?? []
    expect([hour?.horizon, three?.horizon]).toEqual(['1h', '3h'])
    expect(hour?.count).toBeWithin(20, 25)
    // Even use is foreseen by anything.
    expect([hour?.error, hour?.naiveError]).toEqual([expect.closeTo(0, 1), expect.closeTo(0, 1)])
    expect(hour?.withinRange).toBeGreaterThan(0.9)
  })

  it('has nothing to say without a history, and takes 1 to 28 days', async () => {
    expect((await api().backtest({})).windows).toEqual([])
    for (const days of [0, 29, 'many'])
      expect((await place.world.admin(`/api/forecast/backtest?days=${days}`)).status).toBe(400)
  })
})

describe('spillway forecast', () => {
  it('shows a table that fits a terminal, the sentence, and what is not known', async () => {
    await addVendor('work-2', { weeks: 3 })
    const { code, out, err } = await place.run('forecast')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^ACCOUNT +WINDOW +USED +PACE +RESETS +RISK +OUTLOOK$/)
    expect(out).toMatch(/work-2 +7d +40 % +1\.0 %\/h +in 4 d +100 % +spent in 3 d \(\d d – \d d\)/)
    expect(lines.every((line) => Bun.stringWidth(line) <= 80)).toBe(true)
    expect(out).toMatch(/\nSafe until \w+ \d\d:\d\d · 1 of 1 account usable · tightest: 7d on work-2\n$/)
    expect(err).toContain('work-2 5h is not known: it has been read only once so far.\n')
  })

  it('prints what the API says with --json, of one account where that is asked for', async () => {
    await addVendor('work', { weeks: 3 })
    const { code, json: printed } = await place.run('forecast --json --account work')
    expect(code).toBe(0)
    const { sentence: _, ...forecast } = printed<Forecast>()
    const { sentence: __, ...expected } = await api().forecast({ query: { account: 'work' } })
    expect(forecast).toEqual(expected)
    expect((await place.run('forecast --account nobody')).code).toBe(3)
  })

  it('exits with 75 when no account can take requests, and says until when one can', async () => {
    const id = await addVendor('work', { weeks: 3 })
    const nextResetTime = Date.now() + HOUR
    const spent = { type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage: 100, nextResetTime }
    place.simulator.script(keyOf('work'), json({ code: 200, success: true, data: { limits: [spent] } }))
    await api().refreshAccount({ params: { id } })
    const { code, out } = await place.run('forecast')
    expect(code).toBe(75)
    expect(out).toMatch(/\nNo account is usable until (today|tomorrow) \d\d:\d\d · 0 of 1 account usable\n$/)
  })

  it('works without a server, on the data directory itself', async () => {
    await addVendor('work', { weeks: 3 })
    await place.stopServer()
    const { code, json: printed } = await place.run('forecast --json')
    expect([code, windowOf(printed<Forecast>(), '7d')?.kind]).toEqual([0, 'runs-out'])
  })

  it('shows how good it was with --backtest', async () => {
    await addVendor('work', { weeks: 4 })
    const { code, out, err } = await place.run('forecast --backtest --days 2')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^WINDOW +AHEAD +FORECASTS +ERROR +NAIVE +IN RANGE\n7d +1 h +\d+ +\d\.\d % +\d\.\d % +\d+ %\n/,
    )
    expect(err).toContain('of the last 2 days')
    expect((await place.run('forecast --days 2')).code).toBe(2)
    expect((await place.run('forecast --backtest --days 99')).code).toBe(2)
  })

  it('has a help with examples', async () => {
    expect((await place.run('forecast --help')).out).toContain('$ spillway forecast --backtest --days 14')
  })
})

const addKey = (name: string) =>
  api().addAccount({
    body: { name, provider: 'console', apiKey: keyOf(name), baseUrl: place.simulator.url },
  })

interface Weeks {
  /** Of hourly readings of its 7d window, which is used up evenly; then the provider is asked. */
  readonly weeks: number
}

/** The windows before the present one were so long: what is used up evenly is never spent. */
const PAST_HOURS = 90

async function addVendor(name: string, { weeks }: Weeks): Promise<string> {
  const { id } = await api().addAccount({
    body: { name, provider: 'zai', apiKey: keyOf(name), baseUrl: place.simulator.url },
  })
  insert(id, weeks * 168, (hour) => {
    const sinceStart = hour + USED / PER_HOUR
    if (sinceStart >= 0) return { used: sinceStart * PER_HOUR, endsIn: LEFT_HOURS }
    const number = Math.floor(sinceStart / PAST_HOURS)
    const used = (sinceStart - number * PAST_HOURS) * PER_HOUR
    return { used, endsIn: (number + 1) * PAST_HOURS - USED / PER_HOUR }
  })
  await api().refreshAccount({ params: { id } })
  return id
}

interface Past {
  readonly used: number
  /** In hours from now. */
  readonly endsIn: number
}

/** Hourly readings up to an hour ago, as an earlier run of the gateway kept them. */
function insert(id: string, hours: number, at: (hour: number) => Past, minutes = 60): void {
  const database = new Database(join(place.dataDirectory, 'spillway.db'))
  try {
    database.run('pragma busy_timeout = 5000')
    const add = database.prepare(
      'insert or ignore into window_readings (account_id, window_name, at, utilization, resets_at, status) values (?, ?, ?, ?, ?, ?)',
    )
    const now = Date.now()
    const moment = (hour: number): number => Math.round(now + hour * HOUR)
    database.transaction(() => {
      for (let hour = -hours; hour < 0; hour += minutes / 60) {
        const { used, endsIn } = at(hour)
        add.run(id, '7d', moment(hour), used, moment(endsIn), 'allowed')
      }
    })()
  } finally {
    database.close()
  }
}

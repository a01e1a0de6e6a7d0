/**
 * `npm run bench:keys`: what a client key costs a request. The door (a SHA-256 and a look-up),
 * endpoints, models, every limit and four budgets, reserved and settled, as the request path
 * does it, with full windows. Prints a report and leaves it in bench/results/.
 */
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import type { ClientKey } from '../src/core/access.ts'
import { type CountedUse, startOf } from '../src/core/key-use.ts'
import type { LedgerRow } from '../src/core/ledger.ts'
import { FIVE_HOURS, slotStart } from '../src/core/sliding-use.ts'
import { HOUR, later, type Millis, toMillis } from '../src/core/time.ts'
import { systemClock } from '../src/platform/clock.ts'
import { sha256 } from '../src/platform/digest.ts'
import { admit } from '../src/proxy/access.ts'
import { type Asking, takeAllowance } from '../src/proxy/allowance.ts'
import { endpointOf } from '../src/proxy/endpoint.ts'
import { createKeyMeters } from '../src/proxy/key-meters.ts'
import { assertEndpoint, assertModel } from '../src/proxy/permission.ts'
import { sampleKey, sampleRow } from '../test/support/samples.ts'
import { describeMachine } from './machine.ts'
import { type Spread, toSpread } from './statistics.ts'
import { type Line, table } from './table.ts'

const KEYS = [1, 100, 10_000] as const
const ROUNDS = 15
/** Requests of a round; each key is asked once a second by a clock that stands between. */
const REQUESTS = 20_000
/** Seconds of traffic before anything is measured: every window is full then. */
const WARM_UP = 65
const MOST_NS = 10_000
const START = toMillis(Date.UTC(2026, 10, 25, 12))
const MODEL = 'claude-sonnet-5-5'

const RULES: ClientKey['rules'] = {
  requestsPerMinute: 1_000_000,
  tokensPerMinute: 1_000_000_000,
  maxConcurrent: 1_000,
  budgets: [
    { usd: 1e9, period: '5h' },
    { usd: 1e9, period: 'day' },
    { tokens: 1e12, period: 'week' },
    { usd: 1e9, period: 'month' },
  ],
  allowedModels: ['haiku', 'claude-opus-5-5', 'glm-*', 'sonnet'],
  endpoints: ['messages', 'count_tokens', 'models'],
}

type Part = 'door' | 'whole'

interface Measured {
  readonly keys: number
  readonly door: Spread
  readonly whole: Spread
  readonly bytesAKey: number
}

const BODY = Buffer.from(
  JSON.stringify({
    model: MODEL,
    max_tokens: 4_096,
    messages: [{ role: 'user', content: 'x'.repeat(4_000) }],
  }),
)
const MAX_TOKENS_AT = BODY.indexOf('4096')

/** Five hours of traffic, as the storage gives it back. */
function fiveHoursOf(now: Millis): CountedUse {
  const amounts = { requests: 300, tokens: 90_000, usd: 1.5 }
  const slots = Array.from({ length: 60 }, (_, index) => later(now, -5 * HOUR + index * FIVE_HOURS.widthMs))
  return {
    fiveHours: slots.map((at) => ({ at: slotStart(at, FIVE_HOURS), ...amounts })),
    day: { at: startOf('day', now), ...amounts },
    week: { at: startOf('week', now), ...amounts },
    month: { at: startOf('month', now), ...amounts },
  }
}

function worldOf(count: number) {
  const secrets = Array.from({ length: count }, (_, index) => `spk_${String(index).padStart(43, '0')}`)
  const keys = secrets.map((secret, index) =>
    sampleKey(`key-${index}`, { digest: sha256(secret), rules: RULES }),
  )
  const byDigest = new Map(keys.map((key) => [key.digest, key]))
  let elapsedMs = 0
  const clock = { ...systemClock, now: () => toMillis(START + elapsedMs) }
  const counted = new Map(keys.map(({ id }) => [id, fiveHoursOf(START)]))
  const context = {
    clock,
    sha256,
    isBlocked: () => false,
    keys: {
      all: () => keys,
      byDigest: (digest: string) => byDigest.get(digest),
      add: async () => {},
      change: async () => Promise.reject(new Error('Nothing changes here.')),
    },
    keyMeters: createKeyMeters(clock, counted),
    settings: () => ({ keyPolicy: 'auto', isLoopback: true, rules: { aliases: new Map() } }) as const,
    observe: { keyRefused: (key: string) => Promise.reject(new Error(`${key} was refused.`)) },
  }
  const requests = secrets.map((secret) => ({
    peer: '127.0.0.1',
    headers: [
      ['content-type', 'application/json'],
      ['x-api-key', secret],
    ] as const,
  }))
  const tick = (): void => {
    elapsedMs += 1_000 / count
  }
  return { context, requests, tick }
}

type World = ReturnType<typeof worldOf>

const ROW: LedgerRow = sampleRow(1)

/** Nanoseconds of processor time a request, the collector's included: others may be at work on the machine. */
function run({ context, requests, tick }: World, times: number, part: Part): number {
  const path = '/v1/messages'
  const endpoint = endpointOf('POST', path)
  const facts = { wanted: MODEL, maxTokensSpan: { start: MAX_TOKENS_AT, end: MAX_TOKENS_AT + 4 } }
  const before = process.cpuUsage()
  for (let count = 0; count < times; count++) {
    const request = requests[(count * 7_919) % requests.length]
    if (request === undefined) throw new Error('There is no key.')
    const key = admit(request, context)
    tick()
    if (part === 'door' || key === undefined) continue
    const record = { decision: ROW.decision, reservation: undefined }
    const job: Asking & { readonly path: string; readonly endpoint: typeof endpoint } = {
      ...{ key, path, endpoint, record, facts },
      body: BODY,
      startedAt: context.clock.now(),
    }
    assertEndpoint(job, context)
    assertModel(job, { asked: MODEL, wanted: MODEL }, context)
    if (takeAllowance(job, context) !== undefined) throw new Error(`${key.name} was refused.`)
    const { usage, costUsd, attempts } = ROW
    const row = { keyId: key.id, startedAt: context.clock.now(), durationMs: 0, usage, costUsd, attempts }
    context.keyMeters.booked(row, job.record.reservation)
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / times
}

function measure(keys: number): Measured {
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  const world = worldOf(keys)
  run(world, Math.max(REQUESTS, keys * WARM_UP), 'whole')
  Bun.gc(true)
  const bytesAKey = Math.max(0, process.memoryUsage.rss() - before) / keys
  const rounds = (part: Part) => toSpread(Array.from({ length: ROUNDS }, () => run(world, REQUESTS, part)))
  const [door, whole] = [rounds('door'), rounds('whole')]
  if (door === undefined || whole === undefined) throw new Error('Nothing was measured.')
  process.stderr.write(`${keys} keys: measured.\n`)
  return { keys, door, whole, bytesAKey }
}

const micros = ({ median, least, most }: Spread): string => `${us(median)} (${us(least)}–${us(most)})`
const us = (ns: number): string => (ns / 1_000).toFixed(2)

const machine = describeMachine()
const [busy = 0] = loadavg()
const measured = KEYS.map(measure)
const lines: readonly Line[] = [
  ['keys', 'the door alone, µs', 'door, rules, limits, budgets, µs', 'goal', '', 'memory a key, KB'],
  ...measured.map(({ keys, door, whole, bytesAKey }) => [
    keys.toLocaleString('en-US'),
    micros(door),
    micros(whole),
    '≤ 10 µs',
    whole.median <= MOST_NS ? 'pass' : 'FAIL',
    keys < 1_000 ? '' : (bytesAKey / 1024).toFixed(1),
  ]),
]
const { date, commit, cpu, cores, memoryGb, kernel, bun } = machine
const report = `# What a client key costs a request, ${date}

Commit ${commit}. ${cores} cores of ${cpu}, ${memoryGb} GB, ${kernel}. Bun ${bun}. It keeps one core at work; before it began, ${busy.toFixed(1)} processes wanted one.

Every key has a limit of requests and of tokens a minute and of requests at once, four budgets, a list of models and one of endpoints; all its windows are full. ${ROUNDS} rounds of ${REQUESTS.toLocaleString('en-US')} requests: processor time, the median (least–most). A request is admitted (SHA-256 of its key and a look-up), held against its endpoint and its model, reserved, and settled with its row.

${table(lines)}
`
process.stdout.write(report)
if (!process.argv.includes('--dry')) {
  const file = join(import.meta.dir, 'results', `${date}-keys.md`)
  writeFileSync(file, report)
  process.stderr.write(`Written: ${file}\n`)
}

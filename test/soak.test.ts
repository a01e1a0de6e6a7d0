/**
 * The soak test (G10, G4): clients that leave in every phase among healthy ones, in front of
 * an upstream that breaks in every way. Afterwards the gateway holds no more memory, no more
 * descriptors and no more connections than at the beginning, and it is well.
 */
import { afterEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayProcess, startGatewayProcess } from './support/gateway-process.ts'
import { hasProcessFacts, openDescriptors, residentBytes } from './support/process-facts.ts'
import { createDice, type Dice } from './support/random.ts'
import { connectRaw, rawRequest } from './support/raw-client.ts'
import { QUESTION } from './support/sdk.ts'
import {
  BREAKS,
  type Plan,
  type SoakUpstream,
  type Stall,
  startSoakUpstream,
} from './support/soak-upstream.ts'
import { eventually, keyOf } from './support/world.ts'

const isCi = process.env.CI !== undefined
const SECONDS = Number(process.env.SPILLWAY_SOAK_SECONDS ?? (isCi ? 60 : 20))
const CLIENTS = 24
const MOST_GROWTH = 1.1
/** The collector lets garbage lie for a while, and a flood or two more or less are under way at any moment. */
const NOISE_BYTES = 24 << 20
/** The database's own files may come and go, and the one who asks has a connection. */
const SPARE_DESCRIPTORS = 6
const ACCOUNTS = ['a', 'b', 'c']
/** Short enough that upstreams which stall while their client stays are given up within the test. */
const IMPATIENT = {
  SPILLWAY_RETRY_DELAY_MS: '5',
  SPILLWAY_HEADERS_TIMEOUT_MS: '700',
  SPILLWAY_CONTENT_TIMEOUT_MS: '700',
  SPILLWAY_IDLE_TIMEOUT_MS: '700',
  SPILLWAY_TOTAL_TIMEOUT_MS: '1500',
  SPILLWAY_MAX_BODY_BYTES: String(1 << 20),
  SPILLWAY_LOG_LEVEL: 'error',
}

const dataDirectory = mkdtempSync(join(tmpdir(), 'spillway-soak-'))
let gateway: GatewayProcess | undefined
let upstream: SoakUpstream | undefined

afterEach(async () => {
  await gateway?.kill()
  upstream?.simulator.stop()
  rmSync(dataDirectory, { recursive: true, force: true })
})

const canMeasure = hasProcessFacts() || isCi
if (!canMeasure) process.stderr.write('The soak test is left out: there is no /proc to measure by.\n')

it.skipIf(!canMeasure)(
  `is after ${SECONDS} s of clients that leave and upstreams that break as it was before`,
  async () => {
    const { running, provider } = await open()
    const descriptors = openDescriptors(running.pid)
    const samples = await soak(running, provider)
    await rest(running, provider)
    await eventually(
      () => openDescriptors(running.pid) <= descriptors + SPARE_DESCRIPTORS || undefined,
      `the descriptors to be ${descriptors} again`,
    )
    const third = medianOf(samples, 1 / 3)
    const end = medianOf(samples, 1)
    expect(end).toBeLessThanOrEqual(third * MOST_GROWTH + NOISE_BYTES)
    const health = await eventually(async () => {
      const now = await running.api.health()
      return now.ledger.waiting === 0 ? now : undefined
    }, 'the ledger to be written')
    expect(health).toMatchObject({ status: 'ok', problems: [], ledger: { lost: 0 } })
    expect(await running.stop()).toBe(0)
  },
  (SECONDS + 60) * 1_000,
)

async function open(): Promise<{ readonly running: GatewayProcess; readonly provider: SoakUpstream }> {
  const provider = startSoakUpstream(ACCOUNTS.map(keyOf))
  upstream = provider
  const running = await startGatewayProcess({ dataDirectory, environment: IMPATIENT })
  gateway = running
  for (const name of ACCOUNTS) {
    const { url: baseUrl } = provider.simulator
    await running.api.addAccount({ body: { name, provider: 'console', apiKey: keyOf(name), baseUrl } })
  }
  return { running, provider }
}

interface Sample {
  /** From 0, the beginning, to 1, the end. */
  readonly at: number
  readonly bytes: number
}

async function soak(running: GatewayProcess, provider: SoakUpstream): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const startedAt = performance.now()
  const lengthMs = SECONDS * 1_000
  const timer = setInterval(() => {
    const at = (performance.now() - startedAt) / lengthMs
    samples.push({ at, bytes: residentBytes(running.pid) })
  }, 100)
  try {
    await work(running, provider, startedAt + lengthMs)
  } finally {
    clearInterval(timer)
  }
  return samples
}

/** Over the last tenth before a moment: a single sample says little. */
function medianOf(samples: readonly Sample[], until: number): number {
  const bytes = samples.filter(({ at }) => at > until - 0.1 && at <= until).map((sample) => sample.bytes)
  const median = bytes.toSorted((a, b) => a - b)[Math.floor(bytes.length / 2)]
  if (median === undefined) throw new Error('There are no samples.')
  return median
}

/** Until nothing is under way any more, on neither side, and the upstream has closed what is idle. */
async function rest(running: GatewayProcess, { simulator }: SoakUpstream): Promise<void> {
  await eventually(async () => (await inFlight(running)) === 0 || undefined, 'nothing to be in flight')
  await eventually(() => simulator.busy === 0 || undefined, 'no upstream connection to be in use')
  simulator.closeIdle()
  await eventually(() => simulator.connections === 0 || undefined, 'the upstream connections to be gone')
}

async function inFlight({ admin }: GatewayProcess): Promise<number> {
  const text = await (await admin('/metrics', NO_KEEPING)).text()
  return Number(/^spillway_in_flight (\d+)$/m.exec(text)?.[1])
}

/** Connections of the test itself are not to count. */
const NO_KEEPING = { keepalive: false }

/** Everybody does one thing after the other until the deadline. */
async function work({ url }: GatewayProcess, provider: SoakUpstream, deadline: number): Promise<void> {
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const dice = createDice(index + 1)
      while (performance.now() < deadline) await visit(dice.one(CLIENT_KINDS), provider, { url, dice })
    }),
  )
}

/** Longer than all of the gateway's limits together. */
const MOST_VISIT_MS = 15_000

/** One client's doings. Who is kept waiting for ever is named. */
async function visit(
  kind: ClientKind,
  provider: SoakUpstream,
  { url, dice }: Omit<Visit, 'order'>,
): Promise<void> {
  let plan: Plan | undefined
  const order: Visit['order'] = (wanted) => {
    plan = wanted
    return provider.order(wanted)
  }
  const { promise: isOver, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(
    () => reject(new Error(`The client "${kind.name}" was kept waiting for ever (upstream: ${plan}).`)),
    MOST_VISIT_MS,
  )
  try {
    await Promise.race([kind({ url, dice, order }), isOver])
  } finally {
    clearTimeout(timer)
  }
}

interface Visit {
  readonly url: string
  readonly dice: Dice
  /** What the upstream is to do with this visit's request. */
  readonly order: SoakUpstream['order']
}

type ClientKind = (visit: Visit) => Promise<void>

/** Asks and reads to the end: always served, whatever happens to the others. */
const healthy: ClientKind = async ({ url, dice, order }) => {
  const isStream = dice.below(2) === 0
  const answer = await post(url, order('healthy').headers, { stream: isStream })
  const text = await answer.text()
  expect(answer.status).toBe(200)
  expect(text).toContain(isStream ? 'event: message_stop' : '"stop_reason":"end_turn"')
}

/** Stays whatever the upstream does, and gets some end or other. */
const patient: ClientKind = async ({ url, dice, order }) => {
  const plan = dice.one<Plan>([
    ...BREAKS,
    'stall before the head',
    'stall before content',
    'stall in the stream',
  ])
  // What is no stream in the middle of which to stall is for time-limits.test.ts.
  const stream = plan === 'stall in the stream' || dice.below(3) > 0
  await ending(post(url, order(plan).headers, { stream }).then((answer) => answer.arrayBuffer()))
}

/** Leaves as soon as the upstream has been asked, which then lets it wait in one phase or the other. */
const leaving = (plan: Stall): ClientKind =>
  async function leaving({ url, dice, order }) {
    const { headers, asked } = order(plan)
    const controller = new AbortController()
    const stream = plan !== 'stall before the head' || dice.below(2) === 0
    const call = post(url, headers, { stream }, controller.signal)
    await asked
    if (plan === 'stall in the stream') await (await call).body?.getReader().read()
    controller.abort()
    await ending(call)
  }

/** Vanishes in the middle of its own request. */
const uploading: ClientKind = async ({ url, dice }) => {
  const client = await connectRaw(url)
  const request = rawRequest(JSON.stringify({ ...QUESTION, system: 'x'.repeat(300_000) }))
  client.write(request.slice(0, dice.below(request.length)))
  if (dice.below(2) === 0) client.vanish()
  else client.close()
  await client.ended
}

/** Says more than is allowed, or what is no HTTP. */
const rude: ClientKind = async ({ url, dice }) => {
  const client = await connectRaw(url)
  const tooLong = rawRequest(JSON.stringify({ ...QUESTION, system: 'x'.repeat(2 << 20) }))
  client.write(
    dice.one([tooLong, '\u0016\u0003\u0001\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'x'.repeat(100_000)}`]),
  )
  await client.until((text) => text.includes('HTTP/1.1 4'))
  client.vanish()
  await client.ended
}

/** Reads a long answer in fits and starts; some of them give up half-way. */
const slow: ClientKind = async ({ url, dice, order }) => {
  const client = await connectRaw(url)
  const body = JSON.stringify({ ...QUESTION, stream: true })
  client.write(rawRequest(body, order('flood').headers))
  await client.when(() => client.size > 0)
  client.pause()
  await Bun.sleep(dice.below(200))
  if (dice.below(2) === 0) {
    client.resume()
    await client.when(() => client.tail(64).includes('message_stop'))
  }
  client.vanish()
  await client.ended
}

/** Several answers on one connection, and then away, in an orderly way or not. */
const lingering: ClientKind = async ({ url, dice, order }) => {
  const client = await connectRaw(url)
  for (let turn = 1; turn <= 3; turn++) {
    client.write(rawRequest(JSON.stringify(QUESTION), order('healthy').headers))
    await client.until((text) => text.split('"stop_reason":"end_turn"').length > turn)
  }
  if (dice.below(2) === 0) client.vanish()
  else client.close()
  await client.ended
}

const CLIENT_KINDS: readonly ClientKind[] = [
  healthy,
  healthy,
  healthy,
  patient,
  patient,
  leaving('stall before the head'),
  leaving('stall before content'),
  leaving('stall in the stream'),
  uploading,
  rude,
  slow,
  lingering,
]

const post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  fields: object,
  signal?: AbortSignal,
): Promise<Response> =>
  fetch(`${url}/v1/messages`, {
    ...NO_KEEPING,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...QUESTION, ...fields }),
    ...(signal === undefined ? {} : { signal }),
  })

/** However it ends, as long as it does. */
async function ending(call: Promise<unknown>): Promise<void> {
  await call.catch(() => {})
}

/**
 * The kill test (G6): the gateway under load is killed fifty times on one data directory, at
 * random moments, while it starts too. Whatever a client saw to its end is in the ledger,
 * once; totals equal rows; what was acknowledged is still there; and it starts again at once.
 */
import { Database } from 'bun:sqlite'
import { afterEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulatedMessage } from '../src/simulator/healthy.ts'
import { message, type Reply, stream, wait } from '../src/simulator/replies.ts'
import { type Received, type Simulator, startSimulator } from '../src/simulator/simulator.ts'
import { type GatewayProcess, spawnGateway, startGatewayProcess } from './support/gateway-process.ts'
import { createDice, type Dice } from './support/random.ts'
import { isStreamed, MODEL, QUESTION } from './support/sdk.ts'
import { keyOf } from './support/world.ts'

const KILLS = 50
const CLIENTS = 16
const MOST_START_MS = 2_000
/** It takes half a minute; a machine that is busy with something else may take its time. */
const LIMIT_MS = 240_000
/** A kill comes after so many pieces of answers at most; a few hundred milliseconds of load. */
const MOST_PIECES = 700
/** Longer than any start takes. */
const START_MS = 300

const dataDirectory = mkdtempSync(join(tmpdir(), 'spillway-kill-'))
const databaseFile = join(dataDirectory, 'spillway.db')
const seed = Number(process.env.SPILLWAY_KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
let gateway: GatewayProcess | undefined
let simulator: Simulator | undefined

afterEach(async () => {
  await gateway?.kill()
  simulator?.stop()
  rmSync(dataDirectory, { recursive: true, force: true })
})

it(
  'loses nothing and counts nothing twice when it is killed fifty times',
  async () => {
    try {
      await killAgainAndAgain(createDice(seed))
    } catch (error) {
      throw new Error(`With SPILLWAY_KILL_SEED=${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      })
    }
  },
  LIMIT_MS,
)

async function killAgainAndAgain(dice: Dice): Promise<void> {
  const upstream = startSimulator({ keeps: 0 })
  simulator = upstream
  const known: Known = { answers: new Map(), sent: 0, accounts: new Set(), keys: new Map() }
  const secret = await prepare(upstream, known, dice)
  for (let kill = 0; kill < KILLS; kill++) {
    const running = await start()
    await expectAll(running, known)
    const isDuringStart = kill % 6 === 5
    if (!isDuringStart) await loadUntilKilled(running, { secret, known, dice, round: kill, upstream })
    else {
      await running.kill()
      await killWhileStarting(dice)
    }
  }
  const running = await start()
  await expectAll(running, known)
  const { totals } = await running.api.stats({ query: {} })
  expect(await running.stop()).toBe(0)
  expect(totals.requests).toBe(count(databaseFile))
  expect(totals.requests).toBeLessThanOrEqual(known.sent)
  expect(known.answers.size).toBeGreaterThan(KILLS)
}

/** What clients and operators have been told, and what must therefore be so. */
interface Known {
  /** Answers seen to their end: the row's id → its output tokens. */
  readonly answers: Map<string, number>
  sent: number
  readonly accounts: Set<string>
  /** Name → state. */
  readonly keys: Map<string, string>
}

async function start(): Promise<GatewayProcess> {
  gateway = await startGatewayProcess({ dataDirectory })
  expect(gateway.startedInMs).toBeLessThan(MOST_START_MS)
  return gateway
}

/** The first start: two accounts, and the key that all clients use from then on. */
async function prepare(upstream: Simulator, known: Known, dice: Dice): Promise<string> {
  const { api, stop } = await start()
  for (const name of ['first', 'second']) await addAccount(api, name, { known, upstream, dice })
  const { secret } = await api.createKey({ body: { name: 'clients' } })
  known.keys.set('clients', 'active')
  expect(await stop()).toBe(0)
  return secret
}

interface Round {
  readonly secret: string
  readonly known: Known
  readonly dice: Dice
  readonly round: number
  readonly upstream: Simulator
}

/** Clients and an operator at work, until the gateway is gone in the middle of it. */
async function loadUntilKilled(running: GatewayProcess, round: Round): Promise<void> {
  const { promise: moment, resolve } = Promise.withResolvers<void>()
  const target = round.dice.below(MOST_PIECES)
  let pieces = 0
  const onPiece = (): void => {
    if (pieces++ === target) resolve()
  }
  const everybody = Promise.all([
    ...Array.from({ length: CLIENTS }, () => askUntilGone(running.url, round, onPiece)),
    operate(running, round),
  ])
  await Promise.race([moment, everybody])
  await running.kill()
  await everybody
}

/** Asks one thing after the other; notes what has come to its end. Returns when there is nobody to ask. */
async function askUntilGone(url: string, { secret, known, dice }: Round, onPiece: () => void): Promise<void> {
  for (;;) {
    const isStream = dice.below(3) > 0
    known.sent++
    let id = ''
    let text = ''
    try {
      const answer = await fetch(`${url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': secret },
        body: JSON.stringify({ ...QUESTION, stream: isStream }),
      })
      id = answer.headers.get('x-spillway-request-id') ?? ''
      expect(answer.status).toBe(200)
      for await (const bytes of answer.body ?? []) {
        onPiece()
        text += Buffer.from(bytes).toString()
      }
    } catch (error) {
      if (!isGone(error)) throw error
      if (isStream && text.endsWith(LAST_EVENT)) known.answers.set(id, tokensIn(text))
      return
    }
    if (isStream) expect(text).toEndWith(LAST_EVENT)
    known.answers.set(id, tokensIn(text))
  }
}

const LAST_EVENT = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'

/** The last count is the final one, streamed or not. */
const tokensIn = (text: string): number => Number([...text.matchAll(/"output_tokens":(\d+)/g)].at(-1)?.[1])

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ECONNRESET', 'ECONNREFUSED'].includes(String(error.code))

/** An operator's acts; only what was acknowledged counts. */
async function operate({ api }: GatewayProcess, { known, round, upstream, dice }: Round): Promise<void> {
  try {
    const key = await api.createKey({ body: { name: `key-${round}` } })
    known.keys.set(key.name, 'active')
    await addAccount(api, `account-${round}`, { known, upstream, dice })
    await api.revokeKey({ params: { id: key.id } })
    known.keys.set(key.name, 'revoked')
  } catch (error) {
    if (!isGone(error)) throw error
    // A change whose answer did not come may have been made or not.
    const name = `key-${round}`
    if (known.keys.get(name) === 'active') known.keys.set(name, 'either')
  }
}

async function addAccount(
  api: GatewayProcess['api'],
  name: string,
  { known, upstream, dice }: Pick<Round, 'known' | 'upstream' | 'dice'>,
): Promise<void> {
  upstream.always(keyOf(name), (request) => paced(request, dice))
  await api.addAccount({
    body: { name, provider: 'console', apiKey: keyOf(name), baseUrl: upstream.url },
  })
  known.accounts.add(name)
}

/** An answer in pieces, its usage its own. */
function paced(request: Received, dice: Dice): Reply {
  const simulated = simulatedMessage(MODEL, request)
  const usage = { ...simulated.usage, outputTokens: 1 + dice.below(100_000) }
  return isStreamed(request)
    ? stream({ ...simulated, usage }, [wait(dice.below(3))])
    : [wait(dice.below(20)), ...message({ ...simulated, usage })]
}

/** At a random moment of the start, recovery and all. */
async function killWhileStarting(dice: Dice): Promise<void> {
  const child = spawnGateway({ dataDirectory })
  await Bun.sleep(dice.below(START_MS))
  child.kill('SIGKILL')
  await child.exited
}

async function expectAll({ api }: GatewayProcess, { answers, accounts, keys }: Known): Promise<void> {
  const names = new Set((await api.listAccounts()).accounts.map(({ name }) => name))
  expect([...accounts].filter((name) => !names.has(name))).toEqual([])
  const states = new Map((await api.listKeys()).keys.map(({ name, state }) => [name, state]))
  const wrong = [...keys].filter(([name, state]) =>
    state === 'either' ? !states.has(name) : states.get(name) !== state,
  )
  expect(wrong).toEqual([])
  expectLedger(answers)
}

function expectLedger(answers: ReadonlyMap<string, number>): void {
  const database = new Database(databaseFile, { readonly: true })
  try {
    expect(database.query('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    const rows = database.query<{ id: string; tokens: number; outcome: string }, []>(ROWS).all()
    const found = new Map(rows.map((row) => [row.id, row]))
    expect(found.size).toBe(rows.length)
    const missing = [...answers].filter(([id, tokens]) => found.get(id)?.tokens !== tokens)
    expect(missing).toEqual([])
    expect([...answers.keys()].filter((id) => found.get(id)?.outcome !== 'ok')).toEqual([])
    expect(database.query(WRONG_TOTALS).all()).toEqual([])
  } finally {
    database.close()
  }
}

const ROWS = 'select id, output_tokens as tokens, outcome from requests'

/** Accounts whose running totals are not the sums of their rows. */
const WRONG_TOTALS = `
  with sums as (
    select account_id as id, count(*) as requests, sum(input_tokens) as input, sum(output_tokens) as output,
      sum(coalesce(cost_usd, 0)) as cost
    from requests where account_id is not null group by account_id)
  select coalesce(sums.id, totals.account_id) as account
  from sums full join account_totals as totals on totals.account_id = sums.id
  where sums.requests is not totals.requests or sums.input is not totals.input_tokens
    or sums.output is not totals.output_tokens or abs(sums.cost - totals.cost_usd) > 1e-6`

function count(file: string): number {
  const database = new Database(file, { readonly: true })
  try {
    return database.query<{ n: number }, []>('select count(*) as n from requests').get()?.n ?? 0
  } finally {
    database.close()
  }
}

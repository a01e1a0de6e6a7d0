/**
 * A world in which anything may happen to tokens and limits, step by step: answers of the
 * provider and of its token endpoint, time, calendars that are set, restarts, crashes, people.
 * It watches every request as it is sent and every event as it is told, and complains of
 * whatever must never be. The gateway in it is the real one (gateway-instance.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account } from '../../src/core/account.ts'
import type { AccountEvent } from '../../src/core/event.ts'
import { type Cooldown, scopeKey } from '../../src/core/health.ts'
import type { UpstreamRequest } from '../../src/core/ports/upstream.ts'
import { HOUR, MINUTE, SECOND } from '../../src/core/time.ts'
import { plainSecrets, signedInAccount } from '../support/keeping.ts'
import { idOf, sampleAccount } from '../support/samples.ts'
import { stagedUpstream } from '../support/staged-upstream.ts'
import { calm, tickingClock } from '../support/ticking-clock.ts'
import { type Instance, openInstance } from './gateway-instance.ts'
import {
  direct,
  type MESSAGE_ANSWERS,
  NAMES,
  type Name,
  readStored,
  type TOKEN_ANSWERS,
  type USAGE_ANSWERS,
  type Whims,
} from './token-provider.ts'

export const DEEDS = ['pause', 'resume', 'clear', 'sign-in', 'new-key', 'rename', 'refresh'] as const

export type Step =
  | { readonly kind: 'ask'; readonly count: number }
  | { readonly kind: 'message'; readonly name: Name; readonly answer: (typeof MESSAGE_ANSWERS)[number] }
  | { readonly kind: 'token'; readonly answer: (typeof TOKEN_ANSWERS)[number] }
  | { readonly kind: 'usage'; readonly answer: (typeof USAGE_ANSWERS)[number] }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'set-calendar'; readonly byMs: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'person'; readonly name: Name; readonly deed: (typeof DEEDS)[number] }

/** What a cause may hold an account for at most, measured when it begins. */
const LONGEST: Readonly<Record<string, number>> = {
  throttled: 30 * SECOND,
  'window-spent': HOUR,
  'family-spent': HOUR,
  unauthorized: 5 * MINUTE,
  // 15 minutes after what a person has to put right, with its jitter.
  'refresh-failed': 1.25 * 15 * MINUTE,
}

interface World extends Whims {
  readonly directory: string
  instance: Instance
  readonly complaints: string[]
  /** Token requests of the present gateway that are under way, by account. */
  asking: Map<string, number>
  /** Refresh tokens of which the provider has said that they are dead. */
  readonly dead: Set<string>
  /** Access tokens that were seen in the database when a request was sent. */
  readonly storedBefore: Set<string>
  /** How often a dead token may be tried all the same, by account. */
  readonly pardons: Map<string, number>
  /** Those that there are, and with their ends all that were judged: a crash may bring one back. */
  cooldowns: readonly string[]
  readonly judged: Set<string>
  readonly statuses: number[]
  asked: number
  deeds: number
}

/** Runs the steps with tokens that live for so long, and then heals everything; what was complained of, in words. */
export async function live(steps: readonly Step[], lifeSeconds: number): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-tokens-'))
  try {
    const world = await begin(directory, lifeSeconds)
    for (const step of steps) {
      await take(step, world)
      look(world)
      if (world.complaints.length > 0) break
    }
    if (world.complaints.length === 0) await heal(world)
    await world.instance.crash()
    world.stored.close()
    return world.complaints
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function begin(directory: string, lifeSeconds: number): Promise<World> {
  const clock = tickingClock()
  const upstream = stagedUpstream(clock)
  upstream.logins.lifetimeSeconds = lifeSeconds
  const world: Watching = {
    clock,
    upstream,
    directory,
    stored: readStored(databaseIn(directory)),
    complaints: [],
    seen: new Map(),
    queues: { message: new Map(), token: [], usage: [] },
    excused: new Set(),
    asking: new Map(),
    dead: new Set(),
    storedBefore: new Set(),
    pardons: new Map(),
    cooldowns: [],
    judged: new Set(),
    statuses: [],
    asked: 0,
    deeds: 0,
  }
  const ready: World = Object.assign(world, { instance: await start(world) })
  upstream.direct = (request) => direct(request, ready)
  const accounts = [
    ...(['a', 'b'] as const).map((name) =>
      signedInAccount(upstream, clock, { name, endsInMs: lifeSeconds * SECOND }),
    ),
    sampleAccount('key', {
      secret: plainSecrets.seal('account-credential', idOf('key'), 'CANARY-key-0'),
      priority: 1,
    }),
  ]
  for (const account of accounts) await ready.instance.storage.accounts.add(account)
  return ready
}

const databaseIn = (directory: string): string => join(directory, 'spillway.db')

function start(world: Watching): Promise<Instance> {
  const { clock, directory, upstream } = world
  const asking = new Map<string, number>()
  world.asking = asking
  return openInstance({
    clock,
    places: {
      database: databaseIn(directory),
      journal: join(directory, 'ledger.journal'),
      rescue: join(directory, 'rescue'),
    },
    onEvent: (account, event) => judgeEvent(account, event, world),
    upstream: {
      async send(request, limits, signal) {
        const renewal = watch(request, world)
        if (renewal === undefined) return upstream.send(request, limits, signal)
        const { owner, token } = renewal
        const count = (by: number): void => void asking.set(owner, (asking.get(owner) ?? 0) + by)
        count(1)
        if ((asking.get(owner) ?? 0) > 1) complain(world, `two renewals of ${owner} at once`)
        const sent = await upstream.send(request, limits, signal)
        count(-1)
        const isDead = sent.kind === 'answer' && sent.answer.status === 400
        // Whoever got no answer to that may ask again.
        if (!isDead && world.dead.has(token)) pardon(owner, world)
        if (isDead) world.dead.add(token)
        return sent
      },
    },
  })
}

type Watching = Omit<World, 'instance'>

const complain = ({ complaints }: Watching, words: string): void => void complaints.push(words)

/* requests as they are sent */

interface Renewal {
  readonly owner: string
  readonly token: string
}

/** Complains of tokens that are not the stored ones: older than those, or not stored yet. */
function watch({ target, headers, body }: UpstreamRequest, world: Watching): Renewal | undefined {
  const stored = world.stored.tokens()
  if (target.startsWith('/v1/oauth/token')) {
    const { refresh_token: token } = JSON.parse(Buffer.from(body).toString())
    const owner = stored.find(({ refresh }) => refresh === token)?.name ?? 'nobody'
    if (owner === 'nobody') complain(world, `${token} was to be renewed, which is not stored`)
    if (world.dead.has(token)) spendPardon(owner, token, world)
    return { owner, token }
  }
  const credential = headers.find(([name]) => name === 'authorization' || name === 'x-api-key')?.[1] ?? ''
  const token = credential.replace('Bearer ', '')
  const isJustStored = stored.some(({ access }) => !world.storedBefore.has(access))
  const wasStored = world.storedBefore.has(token)
  for (const { access } of stored) world.storedBefore.add(access)
  // A new one is in the database a moment before it is in memory: the older one is no mistake in it.
  if (stored.some(({ access }) => access === token) || (wasStored && isJustStored)) return undefined
  const words = stored.map(({ access }) => access).join(', ')
  complain(world, `${target} was sent with ${token}; stored are ${words}`)
  return undefined
}

function spendPardon(owner: string, token: string, world: Watching): void {
  const left = world.pardons.get(owner) ?? 0
  if (left <= 0) complain(world, `${owner}: ${token} was tried again, which is known to be dead`)
  world.pardons.set(owner, left - 1)
}

/* events as they are told, and how things stand after each step */

function judgeEvent({ id }: Account, event: AccountEvent, world: Watching): void {
  const name = id.replace('id-', '')
  const { kind, cause = '', evidence = '', until } = event
  if ((kind === 'cooling' || kind === 'needs-login') && evidence.trim() === '')
    complain(world, `${name}: ${kind} (${cause}) without evidence`)
  if (kind !== 'cooling') return
  if (!(world.seen.get(name)?.has(cause) ?? false))
    complain(world, `${name} cools (${cause}), and nothing of the kind was said to a client’s request`)
  if (until !== undefined) judgeLength(`${name} cools (${cause})`, cause, until - event.at, world)
}

function judgeLength(what: string, cause: string, lengthMs: number, world: Watching): void {
  const longest = LONGEST[cause]
  if (longest === undefined) complain(world, `${what}, which nothing here can cause`)
  else if (lengthMs > longest + SECOND)
    complain(world, `${what} for ${lengthMs} ms, and its evidence allows ${longest}`)
}

function look(world: World): void {
  const all = world.instance.pool
    .views()
    .flatMap(({ account, health }) => health.cooldowns.map((each) => [keyOf(account, each), each] as const))
  for (const [key, { evidence, cause, until }] of all) {
    if (evidence.trim() === '') complain(world, `${key} without evidence`)
    if (!world.judged.has(`${key} ${until}`)) judgeLength(key, cause, until - world.clock.now(), world)
    world.judged.add(`${key} ${until}`)
  }
  world.cooldowns = all.map(([key]) => key)
  judgeReuses(world)
}

const keyOf = ({ id }: Account, { scope, cause }: Cooldown): string => `${id} ${scopeKey(scope)} ${cause}`

/** A refresh token is used twice only where its renewal was lost; and a dead one needs a person at once. */
function judgeReuses(world: World): void {
  const stored = world.stored.tokens()
  for (const { loginId, token } of world.upstream.logins.reuses)
    if (!world.excused.has(loginId)) complain(world, `${loginId}: ${token} was used again`)
  for (const { account, health } of world.instance.pool.views()) {
    const { name, refresh = '' } = stored.find((each) => idOf(each.name) === account.id) ?? { name: '' }
    const isOpen = (world.asking.get(name) ?? 0) > 0 || (world.pardons.get(name) ?? 0) > 0
    if (world.dead.has(refresh) && health.login === undefined && !isOpen)
      complain(world, `${name}: its token is dead, and nobody is told to sign in`)
  }
}

/* what happens */

async function take(step: Step, world: World): Promise<void> {
  const { clock, queues } = world
  switch (step.kind) {
    case 'ask':
      for (let index = 0; index < step.count; index++) ask(world)
      return calm()
    case 'message':
      queues.message.set(step.name, [...(queues.message.get(step.name) ?? []), step.answer])
      return
    case 'token':
      return void queues.token.push(step.answer)
    case 'usage':
      return void queues.usage.push(step.answer)
    case 'pass':
      return clock.advance(step.ms)
    case 'set-calendar':
      clock.jump(step.byMs)
      return calm()
    case 'restart':
    case 'crash':
      return startAnew(step.kind, world)
    case 'person':
      await act(step, world)
      return calm()
  }
}

function ask(world: World): void {
  world.asked++
  const { instance } = world
  void instance.ask(`talk ${world.asked % 5}`).then((status) => {
    if (status !== undefined && world.instance === instance) world.statuses.push(status)
  })
}

async function startAnew(how: 'restart' | 'crash', world: World): Promise<void> {
  const { instance, clock } = world
  if (how === 'restart') {
    const ending = instance.end()
    await clock.advance(6 * SECOND)
    await ending
  } else await instance.crash()
  for (const [name, count] of world.asking) {
    if (count <= 0) continue
    world.excused.add(name)
    // What came of it nobody has heard: whoever asks again is not told by that that the token is dead.
    pardon(name, world)
  }
  // What was written behind a moment before a crash may not have been written.
  if (how === 'crash') for (const name of NAMES) pardon(name, world)
  world.instance = await start(world)
  await calm()
}

const pardon = (name: string, { pardons }: Watching): void =>
  void pardons.set(name, (pardons.get(name) ?? 0) + 1)

async function act({ name, deed }: Extract<Step, { kind: 'person' }>, world: World): Promise<void> {
  const { storage, pool, keeper } = world.instance
  const account = storage.accounts.all().find(({ id }) => id === idOf(name))
  if (account === undefined) throw new Error(`The account ${name} is gone.`)
  const { id } = account
  switch (deed) {
    case 'pause':
      return void (await storage.accounts.change(id, { pausedAt: world.clock.now() }))
    case 'resume':
      return void (await storage.accounts.change(id, { pausedAt: undefined }))
    case 'rename':
      return void (await storage.accounts.change(id, { name: `${name}-${++world.deeds}` }))
    case 'clear':
      pardon(name, world)
      return pool.clear(id)
    case 'refresh':
      pardon(name, world)
      return void keeper.refresh(account).catch(() => {})
    case 'sign-in':
    case 'new-key':
      return replaceCredential(account, name, world)
  }
}

async function replaceCredential({ id }: Account, name: Name, world: World): Promise<void> {
  const { storage } = world.instance
  const { upstream, clock } = world
  const fresh =
    name === 'key'
      ? { secret: plainSecrets.seal('account-credential', id, `CANARY-key-${++world.deeds}`) }
      : signedInAccount(upstream, clock, { name, endsInMs: upstream.logins.lifetimeSeconds * SECOND })
  const { secret, refreshSecret, tokenExpiresAt } = sampleAccount(name, fresh)
  for (;;) {
    const present = await storage.credentials.reload(id)
    const version = present?.credentialVersion ?? 0
    if (
      (await storage.credentials.replace(id, version, { secret, refreshSecret, tokenExpiresAt })) !==
      undefined
    )
      return
  }
}

/* the end */

/** Whatever happened: nothing was counted that no client asked for, each cooldown has its event, and it can be put right. */
async function heal(world: World): Promise<void> {
  const { queues, clock } = world
  await world.instance.storage.ledger.settled()
  judgeRecords(world)
  queues.message.clear()
  queues.token.length = 0
  queues.usage.length = 0
  await clock.advance(MINUTE)
  for (const name of NAMES) {
    for (const deed of ['resume', 'sign-in', 'clear'] as const)
      await act({ kind: 'person', name, deed }, world)
  }
  for (const lengthMs of [0, 30 * MINUTE]) {
    await clock.advance(lengthMs)
    const before = world.statuses.length
    ask(world)
    await clock.advance(MINUTE)
    const statuses = world.statuses.slice(before)
    if (statuses.at(-1) !== 200)
      complain(world, `healed, and answered with ${statuses.join(', ') || 'nothing'}`)
  }
  look(world)
}

function judgeRecords(world: World): void {
  const { stored, statuses, asked } = world
  const events = stored.column(
    `select account_id || ' ' || scope || ' ' || cause from account_events where kind = 'cooling'`,
  )
  for (const key of world.cooldowns) if (!events.includes(key)) complain(world, `${key} has no event`)
  const rows = stored.column('select id from requests').length
  const totals = stored
    .column('select requests from account_totals')
    .reduce((sum, each) => sum + Number(each), 0)
  if (rows > asked || rows < statuses.length)
    complain(world, `${rows} rows for ${asked} requests, ${statuses.length} of them answered`)
  if (totals > rows) complain(world, `totals of ${totals} requests, and ${rows} rows`)
}

/**
 * What belongs to an organization stays with it (`wire.md` §1.8): conversations that have to
 * leave their account, and files, batches, containers and skills, which exist nowhere else.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { eventStream, json, message, type Reply, throttled, unauthorized } from '../src/simulator/replies.ts'
import { last } from './support/first.ts'
import { openSignInWorld, signIn } from './support/sign-in.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const ACME = { uuid: '0b1cacme-0000-4000-8000-000000000001', name: 'Acme' }
const OTHER = { uuid: '0b1cffff-0000-4000-8000-000000000002', name: 'Somebody else' }

describe('an account’s organization', () => {
  it('is learnt when somebody signs in', async () => {
    world = await openSignInWorld()
    expect(await join('a', ACME)).toMatchObject({ organization: ACME.uuid, organizationName: 'Acme' })
  })

  it('is learnt from the profile where only tokens were given', async () => {
    world = await openSignInWorld()
    const { accessToken, refreshToken, expiresAt } = world.simulator.logins.grant({ organization: ACME })
    const tokens = { accessToken, refreshToken, tokenExpiresAt: new Date(expiresAt).toISOString() }
    await world.api.addAccount({
      body: {
        name: 'a',
        provider: 'claude-oauth',
        baseUrl: world.simulator.url,
        acceptTerms: true,
        ...tokens,
      },
    })
    expect((await world.api.refreshAccount({ params: { id: 'a' } })).organization).toBe(ACME.uuid)
  })

  it.each<[what: string, path: string, body: object | undefined]>([
    ['a message', '/v1/messages', { model: 'claude-sonnet-5-5', max_tokens: 8, messages: [] }],
    ['a file', '/v1/files', { any: 'bytes' }],
    ['a list of models', '/v1/models', undefined],
  ])('is learnt from the header of an answer about %s', async (_what, path, body) => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), json({ id: 'file_1' }, [['anthropic-organization-id', ACME.uuid]]))
    await read(await (body === undefined ? fetch(`${world.url}${path}`) : world.post(path, body)))
    const { organization } = await world.api.showAccount({ params: { id: 'a' } })
    expect(organization).toBe(ACME.uuid)
  })

  it('survives a restart', async () => {
    world = await openSignInWorld()
    await join('a', ACME)
    await world.restart()
    expect((await world.api.showAccount({ params: { id: 'a' } })).organization).toBe(ACME.uuid)
  })
})

const STRATEGIES = ['affinity', 'session', 'round-robin', 'least-requests'] as const

describe.each(STRATEGIES)('under the strategy %s', (strategy) => {
  describe.each([true, false])('with stream: %p', (stream) => {
    it('a conversation that has to leave its account goes to one of the same organization first', async () => {
      world = await openSignInWorld({ settings: { strategy } })
      await join('a', ACME)
      await join('foreign', OTHER, { priority: 1 })
      await join('sibling', ACME, { priority: 2 })
      expect(await turn({ stream })).toBe('a')
      spend('a')
      expect(await turn({ stream })).toBe('sibling')
      const failedOver = last(await world.rows(2))
      expect(failedOver.attempts.map(({ account }) => account)).toEqual(['a', 'sibling'])
      expect(failedOver.decision.reason).toMatch(/same organization/)
      expect(failedOver.decision.reason).not.toMatch(/thinking/)
    })
  })

  it('goes elsewhere where there is no such account', async () => {
    world = await openSignInWorld({ settings: { strategy } })
    await join('a', ACME)
    await join('foreign', OTHER, { priority: 1 })
    expect(await turn()).toBe('a')
    spend('a')
    expect(await turn()).toBe('foreign')
    expect(last(await world.rows(2)).decision.reason).not.toMatch(/same organization/)
  })
})

it('a conversation that keeps its account stays where it has gone, for as long as its account is away', async () => {
  world = await openSignInWorld()
  await join('a', ACME)
  await join('foreign', OTHER, { priority: 1 })
  await join('sibling', ACME, { priority: 2 })
  expect(await turn()).toBe('a')
  script('a', throttled(30))
  expect(await turn()).toBe('sibling')
  expect(await turn()).toBe('sibling')
  await world.api.clearCooldown({ params: { id: 'a' } })
  expect(await turn()).toBe('a')
})

describe('earlier thinking', () => {
  it.each([
    ['claude-sonnet-5-5', true],
    ['claude-haiku-5-5', true],
    ['anthropic/claude-sonnet-5.5', true],
    ['claude-opus-5-5', false],
    ['claude-sonnet-5', false],
    ['claude-haiku-4-5-20251001', false],
  ])('of %s is lost in another organization: %p, and the row says so', async (model, isLost) => {
    world = await openSignInWorld()
    await join('a', ACME)
    await join('foreign', OTHER, { priority: 1 })
    expect(await turn({ model })).toBe('a')
    spend('a')
    expect(await turn({ model })).toBe('foreign')
    const { reason = '' } = last(await world.rows(2)).decision
    expect(/drops .* earlier thinking/.test(reason)).toBe(isLost)
  })

  it('is nobody’s loss in the first turn of a conversation', async () => {
    world = await openSignInWorld()
    await join('a', ACME)
    await join('foreign', OTHER, { priority: 1 })
    spend('a')
    expect(await turn()).toBe('foreign')
    expect(last(await world.rows(1)).decision.reason).not.toMatch(/thinking/)
  })
})

/** Ways in which a request names what exists in one organization only, and what makes that. */
const THINGS: readonly (readonly [what: string, make: () => Promise<string>, use: Use])[] = [
  ['a file in the path', upload, (id) => get(`/v1/files/${id}`)],
  ['a file’s content', upload, (id) => get(`/v1/files/${id}/content`)],
  [
    'a file to be deleted',
    upload,
    (id) => fetch(`${world.url}/v1/files/${id}`, { method: 'DELETE', headers: VERSION }),
  ],
  ['a file in a message', upload, (id) => world.ask({ messages: [withFile(id)] })],
  ['a file in a streamed message', upload, (id) => world.ask({ stream: true, messages: [withFile(id)] })],
  [
    'a file in a count of tokens',
    upload,
    (id) => world.post('/v1/messages/count_tokens', { model: 'claude-sonnet-5-5', messages: [withFile(id)] }),
  ],
  ['a file in a batch', upload, (id) => world.post('/v1/messages/batches', batchOf([withFile(id)]))],
  ['a batch', createBatch, (id) => get(`/v1/messages/batches/${id}`)],
  ['a batch’s results', createBatch, (id) => get(`/v1/messages/batches/${id}/results`)],
  ['a batch to be cancelled', createBatch, (id) => world.post(`/v1/messages/batches/${id}/cancel`, '')],
  ['a container', () => runIn(false), (id) => world.ask({ container: id })],
  ['a container by its object', () => runIn(false), (id) => world.ask({ container: { id, skills: [] } })],
  ['a container that a stream named', () => runIn(true), (id) => world.ask({ container: id })],
  ['a container that a stream named late', runLate, (id) => world.ask({ stream: true, container: id })],
  ['a skill in the path', createSkill, (id) => get(`/v1/skills/${id}/versions`)],
  ['a skill in a message', createSkill, (id) => world.ask({ container: { skills: [skill(id)] } })],
]
type Use = (id: string) => Promise<Response>

describe.each(THINGS)('%s', (_what, make, use) => {
  async function made(): Promise<string> {
    world = await openSignInWorld()
    await join('owner', ACME)
    await join('foreign', OTHER, { priority: 1 })
    const id = await make()
    expect(id).toMatch(/^(?:file|msgbatch|container|skill)_/)
    await world.api.setPriority({ params: { id: 'owner' }, body: { priority: 9 } })
    return id
  }

  it('is its owner’s affair, whoever would be next, also after a restart', async () => {
    const id = await made()
    expect(await served(use(id))).toBe('owner')
    await world.restart()
    expect(await served(use(id))).toBe('owner')
  })

  it('is served by an account of the same organization when its owner cannot, or is gone', async () => {
    const id = await made()
    await join('sibling', ACME, { priority: 9 })
    await world.api.pauseAccount({ params: { id: 'owner' } })
    expect(await served(use(id))).toBe('sibling')
    await world.api.removeAccount({ params: { id: 'owner' } })
    await world.restart()
    expect(await served(use(id))).toBe('sibling')
  })

  it('waits for its owner, with the true time, when only that could serve it', async () => {
    const id = await made()
    script('owner', throttled(90))
    await read(await world.ask({}, { 'x-claude-code-session-id': 'limited' }))
    await world.api.setPriority({ params: { id: 'owner' }, body: { priority: -9 } })
    await read(await world.ask())
    const answer = await use(id)
    expect(answer.status).toBe(429)
    const seconds = Number(answer.headers.get('retry-after'))
    expect(seconds).toBeWithin(80, 91)
    expect(await messageOf(answer)).toMatch(/owner: .*throttles/)
    expectNeverElsewhere(id)
  })

  it('is not tried elsewhere when its owner is down', async () => {
    const id = await made()
    const before = world.simulator.received.length
    const { accessToken } = world.simulator.logins.newest('owner')
    world.simulator.always(accessToken, [{ kind: 'reset' }])
    await world.api.changeConfig({ body: { retryDelayMs: 0 } })
    const answer = await use(id)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).not.toBeNull()
    expect(await messageOf(answer)).toContain('owner: ')
    expect(world.simulator.received.length).toBeGreaterThan(before)
    expectNeverElsewhere(id)
  })

  it('is gone with its organization, and the answer says so', async () => {
    const id = await made()
    await world.api.removeAccount({ params: { id: 'owner' } })
    const answer = await use(id)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('x-spillway-account')).toBeNull()
    expect(await messageOf(answer)).toMatch(
      new RegExp(`^${id} was made by an account that is no longer here`),
    )
    expectNeverElsewhere(id)
    await join('newcomer', ACME)
    expect(await served(use(id))).toBe('newcomer')
  })
})

describe('what was made', () => {
  it('before anybody knew the organization is served by a sibling once it is known', async () => {
    world = await openWorld({ accounts: ['owner', { name: 'sibling', priority: 5 }] })
    const id = await upload()
    for (const name of ['owner', 'sibling'])
      world.simulator.always(
        keyOf(name),
        message({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'Yes.', usage: NO_TOKENS }, [
          ['anthropic-organization-id', ACME.uuid],
        ]),
      )
    await read(await world.ask())
    await world.api.pauseAccount({ params: { id: 'owner' } })
    await read(await world.ask())
    expect(await served(get(`/v1/files/${id}`))).toBe('sibling')
  })

  it('elsewhere is anybody’s to ask for, and the provider’s own word comes back', async () => {
    world = await openSignInWorld()
    await join('a', ACME)
    script('a', json({}), json({ type: 'simulated' }))
    expect(await served(get('/v1/files/file_unheard'))).toBe('a')
    expect(await served(world.ask({ messages: [withFile('file_unheard')] }))).toBe('a')
  })

  it('is not looked for in what people wrote', async () => {
    world = await openSignInWorld()
    await join('owner', ACME)
    const id = await upload()
    await join('foreign', OTHER, { priority: -1 })
    const messages = [{ role: 'user', content: `What does "${id}" mean?` }]
    expect(await served(world.ask({ messages }))).toBe('foreign')
  })

  it('stays its owner’s when its credential is refused: nobody else’s answer would be true', async () => {
    world = await openWorld({ accounts: ['owner', { name: 'foreign', priority: 1 }] })
    const id = await upload()
    world.simulator.always(keyOf('owner'), unauthorized)
    const answer = await get(`/v1/files/${id}`)
    expect(answer.status).toBe(401)
    await read(answer)
    expect(world.simulator.requestsOf(keyOf('foreign'))).toEqual([])
  })
})

describe('files and batches through the pool', () => {
  it('are listed by an account, and everything that is sent arrives byte for byte', async () => {
    world = await openSignInWorld()
    await join('a', ACME)
    await upload('col\r\n1\u0000é\r\n')
    const sent = last(world.simulator.received)
    expect(sent.target).toBe('/v1/files')
    expect(sent.body.toString()).toContain('col\r\n1\u0000é\r\n')
    script('a', json({ data: [{ id: 'file_1' }], has_more: false }), json({ data: [], has_more: false }))
    expect(await (await get('/v1/files?limit=2')).json()).toEqual({
      data: [{ id: 'file_1' }],
      has_more: false,
    })
    expect(last(world.simulator.received).target).toBe('/v1/files?limit=2')
    expect(await (await get('/v1/messages/batches?limit=2')).json()).toEqual({ data: [], has_more: false })
  })

  it('name results that are had here', async () => {
    world = await openSignInWorld()
    await join('a', ACME)
    const id = await createBatch()
    const path = `/v1/messages/batches/${id}/results`
    script('a', json({ id, results_url: `https://api.anthropic.com${path}` }))
    const { results_url: url } = await fieldsOf(await get(`/v1/messages/batches/${id}`))
    expect(url).toBe(`${world.url}${path}`)
    expect(await served(fetch(url, { headers: VERSION }))).toBe('a')
  })
})

const VERSION = { 'anthropic-version': '2023-06-01' }
const NO_TOKENS = { inputTokens: 1, outputTokens: 1 }
const CONVERSATION = { 'x-claude-code-session-id': 'one-conversation' }

const join = (name: string, organization: typeof ACME, more: { readonly priority?: number } = {}) =>
  signIn(world, name, { mode: 'max', ...more, as: { id: name, organization } })

const spend = (name: string): void =>
  world.simulator.logins.setUsage(name, { fiveHour: { usedPercent: 100 } })

function script(name: string, ...replies: readonly Reply[]): void {
  world.simulator.script(world.simulator.logins.newest(name).accessToken, ...replies)
}

/** One turn of the conversation; who served it. */
const turn = (fields: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  served(world.ask(fields, CONVERSATION))

async function served(call: Promise<Response>): Promise<string> {
  const answer = await call
  const text = await answer.text()
  const account = answer.headers.get('x-spillway-account')
  if (account === null) throw new Error(`Nobody served it, it was answered ${answer.status}: ${text}`)
  return account
}

const read = async (answer: Response): Promise<void> => void (await answer.text())

async function messageOf(answer: Response): Promise<string> {
  return (await fieldsOf(answer)).error.message
}

/** Answers of many shapes, of which a test reads what it expects. */
const fieldsOf = (answer: Response): Promise<Fields> => answer.json() as Promise<Fields>
interface Fields {
  readonly id: string
  readonly results_url: string
  readonly error: { readonly message: string }
}

const get = (path: string): Promise<Response> => fetch(`${world.url}${path}`, { headers: VERSION })

async function upload(content = 'a,b\n1,2\n'): Promise<string> {
  const form = new FormData()
  form.append('file', new File([content], 'rows.csv', { type: 'text/csv' }))
  const answer = await fetch(`${world.url}/v1/files`, { method: 'POST', headers: VERSION, body: form })
  return idOf(answer)
}

async function createBatch(): Promise<string> {
  return idOf(await world.post('/v1/messages/batches', batchOf([{ role: 'user', content: 'Hello' }])))
}

const batchOf = (messages: readonly object[]): object => ({
  requests: [{ custom_id: 'one', params: { model: 'claude-sonnet-5-5', max_tokens: 8, messages } }],
})

async function createSkill(): Promise<string> {
  script('owner', json({ id: 'skill_01Sim', type: 'skill' }))
  return idOf(await world.post('/v1/skills', { any: 'bytes' }))
}

const idOf = async (answer: Response): Promise<string> => (await fieldsOf(answer)).id

const CONTAINER = { id: 'container_01Sim', expires_at: '2026-11-25T12:00:00Z' }

/** A message whose tools ran in a container. */
async function runIn(stream: boolean): Promise<string> {
  script('owner', stream ? eventStream(eventsWith({ start: CONTAINER })) : json(messageWith(CONTAINER)))
  await read(await world.ask({ stream }))
  return CONTAINER.id
}

async function runLate(): Promise<string> {
  script('owner', eventStream(eventsWith({ delta: CONTAINER })))
  await read(await world.ask({ stream: true }))
  return CONTAINER.id
}

const messageWith = (container: object | null): object => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  content: [{ type: 'text', text: 'Yes.' }],
  stop_reason: 'end_turn',
  container,
  usage: { input_tokens: 1, output_tokens: 1 },
})

/** `wire.md` §1.5: a container may stand in the first event, or only in a delta. */
function eventsWith({ start = null, delta }: { readonly start?: object | null; readonly delta?: object }) {
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  return [
    event('message_start', { message: { ...messageWith(start), content: [], stop_reason: null } }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', ...(delta === undefined ? {} : { container: delta }) },
      usage: { output_tokens: 1 },
    }),
    event('message_stop', {}),
  ]
}

const withFile = (id: string): object => ({
  role: 'user',
  content: [{ type: 'document', source: { type: 'file', file_id: id } }],
})

const skill = (id: string): object => ({ type: 'custom', skill_id: id, version: 'latest' })

/** Whoever asks for it with a credential of another organization would be told that there is no such thing. */
function expectNeverElsewhere(id: string): void {
  const { accessToken } = world.simulator.logins.newest('foreign')
  const sent = world.simulator.requestsOf(accessToken)
  expect(sent.filter(({ target, body }) => `${target}${body}`.includes(id))).toEqual([])
}

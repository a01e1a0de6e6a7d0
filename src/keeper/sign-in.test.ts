/**
 * Sign-ins on a clock that is told the time: how long one holds, how many there are, how long
 * a provider may take, and which way the questions go. What is said to people, over sockets,
 * is in test/sign-in.test.ts.
 */
import { beforeEach, describe, expect, it } from 'bun:test'
import { createHash } from 'node:crypto'
import { type Keeping, openKeeping } from '../../test/support/keeping.ts'
import type { Direction, StagedRequest } from '../../test/support/staged-upstream.ts'
import { calm } from '../../test/support/ticking-clock.ts'
import { GatewayError } from '../core/error.ts'
import type { UpstreamRequest } from '../core/ports/upstream.ts'
import { HOUR, MINUTE, SECOND } from '../core/time.ts'
import { type BeginOptions, createSignIns, type SignIns } from './sign-in.ts'

let keeping: Keeping
let signIns: SignIns<string>
/** As they were handed to the way out. */
let sent: UpstreamRequest[]
beforeEach(() => {
  keeping = openKeeping([])
  sent = []
  let count = 0
  const { context, upstream } = keeping
  signIns = createSignIns<string>({
    ...context,
    newId: () => `session-${++count}`,
    randomText: () => `${++count}`.padStart(43, 'r'),
    challengeOf: (text) => createHash('sha256').update(text).digest('base64url'),
    upstream: {
      send(request, limits, signal) {
        sent.push(request)
        return upstream.send(request, limits, signal)
      },
    },
  })
})

const MAX: BeginOptions = {
  provider: 'claude-oauth',
  mode: 'max',
  baseUrl: undefined,
  proxy: undefined,
  createsKey: false,
}

function begin(options: Partial<BeginOptions> = {}, purpose = 'purpose') {
  const begun = signIns.begin({ ...MAX, ...options }, purpose)
  return { ...begun, code: keeping.upstream.logins.authorize(begun.authUrl) }
}

const direct = (kind: StagedRequest['kind'], direction: Direction): void => {
  keeping.upstream.direct = (request) => (request.kind === kind ? direction : 'serve')
}

async function refusal(finishing: Promise<unknown>): Promise<GatewayError> {
  const error = await finishing.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof GatewayError) return error
  throw new Error('It was not refused.', { cause: error })
}

describe('a sign-in', () => {
  it('hands out the tokens, whose they are, and what it was begun for', async () => {
    const { sessionId, code } = begin({}, 'for me')
    const { grant, purpose } = await signIns.finish(sessionId, code)
    expect(purpose).toBe('for me')
    expect(grant).toMatchObject({
      tokens: { accessToken: 'CANARY-oat-1', refreshToken: 'CANARY-ort-1' },
      apiKey: undefined,
      keyProblem: undefined,
      tier: 20,
      standing: { organizationName: 'Organization 1', plan: 'claude_max', email: 'dev-1@acme.test' },
    })
    expect(keeping.log.lines.join()).not.toContain('CANARY')
  })

  it('holds for ten minutes, and not a moment longer', async () => {
    const [first, second] = [begin(), begin()]
    expect(first.expiresAt - keeping.clock.now()).toBe(10 * MINUTE)
    await keeping.clock.advance(10 * MINUTE - 1)
    expect((await signIns.finish(first.sessionId, first.code)).purpose).toBe('purpose')
    await keeping.clock.advance(1)
    expect((await refusal(signIns.finish(second.sessionId, second.code))).code).toBe('not-found')
    expect(keeping.tokenRequests()).toBe(1)
  })

  it('holds no longer and no shorter when somebody sets the clock', async () => {
    const [first, second] = [begin(), begin()]
    keeping.clock.jump(9 * MINUTE + 59 * SECOND)
    await signIns.finish(first.sessionId, first.code)
    keeping.clock.jump(-HOUR)
    await keeping.clock.advance(10 * MINUTE)
    expect((await refusal(signIns.finish(second.sessionId, second.code))).code).toBe('not-found')
  })

  it('that runs when its time is up is finished', async () => {
    const { sessionId, code } = begin()
    const answered = Promise.withResolvers<void>()
    direct('token', { until: answered.promise })
    await keeping.clock.advance(10 * MINUTE - SECOND)
    const finishing = signIns.finish(sessionId, code)
    await keeping.clock.advance(2 * SECOND)
    begin()
    answered.resolve()
    expect((await finishing).grant.tokens.accessToken).toBe('CANARY-oat-1')
  })

  it('is one of a hundred at most: the oldest goes', async () => {
    const first = begin()
    const second = begin()
    for (let count = 0; count < 99; count++) begin()
    expect((await refusal(signIns.finish(first.sessionId, first.code))).code).toBe('not-found')
    expect((await signIns.finish(second.sessionId, second.code)).purpose).toBe('purpose')
  })

  it('takes no room once its time is up', async () => {
    for (let count = 0; count < 100; count++) begin()
    await keeping.clock.advance(5 * MINUTE)
    const early = begin()
    await keeping.clock.advance(6 * MINUTE)
    for (let count = 0; count < 99; count++) begin()
    expect((await signIns.finish(early.sessionId, early.code)).purpose).toBe('purpose')
  })
})

describe('a provider that takes long', () => {
  it('is waited for twenty seconds at most, and can be asked again', async () => {
    const { sessionId, code } = begin()
    direct('token', 'hang')
    const finishing = refusal(signIns.finish(sessionId, code))
    await keeping.clock.advance(20 * SECOND)
    const { code: word, message } = await finishing
    expect([word, message]).toEqual([
      'unavailable',
      expect.stringContaining('Nothing was added; paste the code again'),
    ])
    expect(keeping.clock.timers).toBe(0)
    direct('token', 'serve')
    expect((await signIns.finish(sessionId, code)).purpose).toBe('purpose')
  })

  it('keeps nobody from the account when only its profile and its keys do', async () => {
    const { sessionId, code } = begin({ mode: 'console', createsKey: true })
    direct('account', 'hang')
    const finishing = signIns.finish(sessionId, code)
    // Both at once: one after the other would be longer than a command waits for its answer.
    await keeping.clock.advance(20 * SECOND)
    const { grant } = await finishing
    expect(grant).toMatchObject({
      apiKey: undefined,
      tier: undefined,
      standing: { organization: expect.any(String) },
    })
    expect(grant.keyProblem).toContain('no')
  })

  it('is not asked a second time meanwhile', async () => {
    const { sessionId, code } = begin()
    direct('token', 'hang')
    const finishing = refusal(signIns.finish(sessionId, code))
    await calm()
    expect((await refusal(signIns.finish(sessionId, code))).code).toBe('conflict')
    await keeping.clock.advance(20 * SECOND)
    await finishing
    expect(keeping.tokenRequests()).toBe(1)
  })
})

describe('what is asked', () => {
  it('goes through the account’s own proxy, every question of it', async () => {
    const { sessionId, code } = begin({ mode: 'console', createsKey: true, proxy: 'http://127.0.0.1:9' })
    const { grant } = await signIns.finish(sessionId, code)
    expect(grant.apiKey).toStartWith('CANARY-key-')
    expect(sent.map(({ target, proxy }) => [target, proxy]).toSorted()).toEqual([
      ['/api/oauth/claude_cli/create_api_key', 'http://127.0.0.1:9'],
      ['/api/oauth/profile', 'http://127.0.0.1:9'],
      ['/v1/oauth/token', 'http://127.0.0.1:9'],
    ])
  })

  it('shows the tokens to the account’s own address and to nobody else', async () => {
    const { sessionId, code } = begin({ baseUrl: 'https://mirror.test/anthropic' })
    await signIns.finish(sessionId, code)
    const shown = sent.filter(({ headers }) => headers.some(([name]) => name === 'authorization'))
    expect(shown.map(({ endpoint, target }) => [endpoint.host, endpoint.path, target])).toEqual([
      ['mirror.test', '', '/api/oauth/profile'],
    ])
  })

  it('makes no key unless one is wanted', async () => {
    const { sessionId, code } = begin({ mode: 'console' })
    await signIns.finish(sessionId, code)
    expect(sent.map(({ target }) => target)).toEqual(['/v1/oauth/token', '/api/oauth/profile'])
  })
})

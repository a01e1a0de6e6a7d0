/**
 * G9 One refresh: at most one renewal of an account runs at a time, over real sockets and
 * whoever asks for it; the renewed token is stored before it is used; a crash in between is
 * recovered from. Each failure of a renewal is in faults/refresh, random worlds in
 * simulation/tokens, the stores by themselves in src/keeper/renewal.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOKEN_ENDPOINT } from '../../src/simulator/logins.ts'
import * as reply from '../../src/simulator/replies.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { canLimitFileSize, limitFileSize } from '../support/file-size-limit.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { addSignedIn, openSignedIn, signInAgain, tokenEnvironment } from '../support/signed-in.ts'
import { eventually, type World } from '../support/world.ts'

let opened: (() => Promise<void>)[] = []
afterEach(async () => {
  const closing = opened.toReversed()
  opened = []
  for (const close of closing) await close()
})

const open = async (...plan: Parameters<typeof openSignedIn>): Promise<World> => {
  const world = await openSignedIn(...plan)
  opened.push(world.stop)
  return world
}

const ENDED = [{ name: 'a', endsInMs: -1_000 }]

const statusOf = async (asking: Promise<Response>): Promise<number> => {
  const response = await asking
  await response.text()
  return response.status
}
const renewals = ({ simulator }: { readonly simulator: Simulator }): number =>
  simulator.requestsOf(TOKEN_ENDPOINT).filter(({ body }) => body.includes('"refresh_token"')).length

/** The token endpoint answers when it is let; it has renewed the token by then. */
function slowRenewal(simulator: Simulator): () => void {
  const gate = Promise.withResolvers<void>()
  simulator.script(TOKEN_ENDPOINT, (request) => {
    const renewed = simulator.unscripted(request)
    return [reply.until(gate.promise), ...renewed]
  })
  return gate.resolve
}

describe('one renewal serves everybody', () => {
  it('requests of every kind, the operator and the background', async () => {
    const world = await open({ accounts: [...ENDED, { name: 'idle', priority: 1 }] })
    const release = slowRenewal(world.simulator)
    const asking = [
      world.ask(),
      world.ask({ stream: true, system: 'streamed' }),
      world.post('/v1/messages/count_tokens', { model: 'claude-sonnet-5-5', messages: [] }),
      world.admin('/v1/models'),
      world.admin('/api/accounts/a/refresh', { method: 'POST' }),
      world.admin('/api/accounts/a/test', { method: 'POST' }),
    ].map(statusOf)
    await eventually(() => renewals(world) === 1 || undefined, 'the renewal')
    // The keeper’s look at all accounts has come to the other one too.
    const isLooking = () => world.simulator.received.some(({ target }) => target === '/api/oauth/profile')
    await eventually(() => isLooking() || undefined, 'a look at everything', 10_000)
    release()
    expect(await Promise.all(asking)).toEqual([200, 200, 200, 200, 200, 200])
    expect(renewals(world)).toBe(1)
    expect(world.simulator.logins.reuses).toEqual([])
  })

  it('each account has its own', async () => {
    const names = ['a', 'b', 'c', 'd']
    const world = await open({ accounts: names.map((name) => ({ name, endsInMs: -1_000 })) })
    const asking = Array.from({ length: 40 }, (_, index) => statusOf(world.ask({ system: `talk ${index}` })))
    for (const status of await Promise.all(asking)) expect(status).toBe(200)
    const renewed = world.simulator.logins.refreshes.map(({ loginId }) => loginId)
    expect(new Set(renewed).size).toBe(renewed.length)
    expect(renewals(world)).toBe(renewed.length)
  })

  it('again and again, with requests on the way all the time', async () => {
    const world = await open()
    const { logins } = world.simulator
    const refresh = () => statusOf(world.admin('/api/accounts/a/refresh', { method: 'POST' }))
    for (let round = 1; round <= 50; round++) {
      const asking = [1, 2].map((talk) => statusOf(world.ask({ system: `talk ${talk}` })))
      expect(await Promise.all([refresh(), ...asking, refresh()])).toEqual([200, 200, 200, 200])
    }
    expect(logins.reuses).toEqual([])
    expect(logins.refreshes.length).toBe(renewals(world))
    expect(await statusOf(world.ask())).toBe(200)
    expect(world.simulator.received.at(-1)?.key).toBe(logins.newest('a').accessToken)
  })
})

describe('while a token is being renewed', () => {
  it('what the operator changes stays, and so does the renewed token', async () => {
    const world = await open({ accounts: ENDED })
    const release = slowRenewal(world.simulator)
    const asking = statusOf(world.ask())
    await eventually(() => renewals(world) === 1 || undefined, 'the renewal')
    const { id } = await world.api.showAccount({ params: { id: 'a' } })
    await world.api.changeAccount({ params: { id }, body: { name: 'renamed' } })
    await world.api.setPriority({ params: { id }, body: { priority: 7 } })
    release()
    expect(await asking).toBe(200)
    await world.restart()
    expect(await world.api.showAccount({ params: { id } })).toMatchObject({ name: 'renamed', priority: 7 })
    expect(await statusOf(world.ask())).toBe(200)
    expect(renewals(world)).toBe(1)
  })

  it.each(['well', 'revoked'])('a new sign-in is what counts, however the renewal ends (%s)', async (end) => {
    const world = await open({ accounts: ENDED })
    const { logins } = world.simulator
    if (end === 'revoked') logins.revoke(logins.newest('a').refreshToken)
    const release = slowRenewal(world.simulator)
    const asking = statusOf(world.ask())
    await eventually(() => renewals(world) === 1 || undefined, 'the renewal')
    await signInAgain(world, 'a')
    const { accessToken } = logins.newest('a')
    release()
    expect(await asking).toBe(200)
    expect(await statusOf(world.ask({ system: 'another' }))).toBe(200)
    const used = world.simulator.received
      .filter(({ target }) => target === '/v1/messages')
      .map(({ key }) => key)
    expect(used).toEqual([accessToken, accessToken])
    expect(await world.api.showAccount({ params: { id: 'a' } })).toMatchObject({ state: { kind: 'ready' } })
  })

  it('an account that is removed gets nothing, and its requests go elsewhere', async () => {
    const world = await open({ accounts: [...ENDED, { name: 'b', priority: 1 }] })
    const release = slowRenewal(world.simulator)
    const asking = world.ask()
    await eventually(() => renewals(world) === 1 || undefined, 'the renewal')
    await world.api.removeAccount({ params: { id: 'a' } })
    release()
    const response = await asking
    await response.text()
    expect([response.status, response.headers.get('x-spillway-account')]).toEqual([200, 'b'])
    expect((await world.api.listAccounts()).accounts.map(({ name }) => name)).toEqual(['b'])
  })
})

describe.if(canLimitFileSize)('a renewed token that the disk has no room for', () => {
  let simulator: Simulator
  let directory: string
  const start = async (): Promise<GatewayProcess> => {
    const environment = { ...tokenEnvironment(simulator), SPILLWAY_USAGE_POLL_MS: '0' }
    const started = await startGatewayProcess({ dataDirectory: directory, environment })
    opened.push(started.kill)
    return started
  }
  const ask = ({ url }: GatewayProcess) =>
    fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-sonnet-5-5',
        max_tokens: 8,
        messages: [{ role: 'user', content: 'x' }],
      }),
    })
  const rescueFile = () => join(directory, 'credentials.journal')

  /** A gateway that is renewing while its disk fills up. */
  async function fillWhileRenewing(bytes: number) {
    simulator = startSimulator()
    directory = mkdtempSync(join(tmpdir(), 'spillway-disk-'))
    opened.push(async () => {
      simulator.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const gateway = await start()
    await addSignedIn({ api: gateway.api, simulator }, { name: 'a', endsInMs: -1_000 })
    const release = slowRenewal(simulator)
    const asking = ask(gateway)
    await eventually(() => renewals({ simulator }) === 1 || undefined, 'the renewal')
    limitFileSize(gateway.pid, bytes)
    release()
    return { gateway, asking }
  }

  it('waits in a file of its own, sealed, and is used and brought in by the next start', async () => {
    const { gateway, asking } = await fillWhileRenewing(2_000)
    expect((await asking).status).toBe(200)
    expect(statSync(rescueFile()).mode & 0o777).toBe(0o600)
    expect(readFileSync(rescueFile(), 'latin1')).not.toContain('CANARY')
    await gateway.kill()
    expect((await ask(await start())).status).toBe(200)
    expect(existsSync(rescueFile())).toBe(false)
    expect([renewals({ simulator }), simulator.logins.reuses.length]).toEqual([1, 0])
  }, 30_000)

  it('is not used before something takes it', async () => {
    const { gateway, asking } = await fillWhileRenewing(100)
    const used = () => simulator.received.filter(({ target }) => target === '/v1/messages').length
    let isAnswered = false
    void asking.then(() => {
      isAnswered = true
    })
    await eventually(() => existsSync(rescueFile()) || undefined, 'it to be tried')
    expect([isAnswered, used()]).toEqual([false, 0])
    limitFileSize(gateway.pid, undefined)
    expect((await asking).status).toBe(200)
    expect([renewals({ simulator }), used()]).toEqual([1, 1])
  }, 30_000)
})

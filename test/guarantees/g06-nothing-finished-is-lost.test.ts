/**
 * G6 Nothing finished is lost: an answer’s last byte leaves after its row is safe. Killed
 * processes and databases that take nothing cost no row, and no traffic.
 */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { only } from '../support/first.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { answerOn, exchange, headerOf, parseAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

/** The database is given this long before it counts as taking nothing. */
const BUSY_PATIENCE_MS = 15_000

const ask = (url: string, isStream: boolean, system = 'x') =>
  exchange(url, requestBytes({ body: bodyOf({ stream: isStream, system }) }))
const idOf = (answer: Awaited<ReturnType<typeof ask>>): string =>
  headerOf(answer, 'x-spillway-request-id') ?? ''

describe('when the client sees the end of its answer', () => {
  let world: World
  afterEach(() => world.stop())

  it.each([true, false])('its row can be read (stream: %p)', async (isStream) => {
    world = await openWorld()
    const ids = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const answer = await ask(world.url, isStream, `conversation ${index}`)
        expect(answer).toMatchObject({ status: 200, isWhole: true })
        const row = await world.api.showRequest({ params: { id: idOf(answer) } })
        expect(row).toMatchObject({ outcome: 'ok', usageComplete: true, outputTokens: 12 })
        return row.id
      }),
    )
    expect(new Set(ids).size).toBe(50)
  })

  it('its row can be read even before the end, from the terminal event on', async () => {
    world = await openWorld()
    const events = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) }))
    world.simulator.always(keyOf('a'), reply.brokenStream(events, [reply.stall]))
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('event: message_stop'))
    const answer = parseAnswer(client.received())
    const id = answer === undefined ? '' : headerOf(answer, 'x-spillway-request-id')
    expect(await world.api.showRequest({ params: { id: id ?? '' } })).toMatchObject({ outcome: 'ok' })
    client.close()
  })

  it('a refusal of our own has its row too, and so has a refusal of the upstream', async () => {
    world = await openWorld({ settings: { retryDelayMs: 0 } })
    for (const broken of [reply.throttled(30), reply.badRequest, reply.overloaded]) {
      await world.api.clearCooldown({ params: { id: 'a' } })
      world.simulator.always(keyOf('a'), broken)
      const answer = await ask(world.url, true)
      expect(await world.api.showRequest({ params: { id: idOf(answer) } })).toMatchObject({
        status: answer.status,
      })
    }
  })

  it('rows and totals say the same, also after a restart', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    await Promise.all(Array.from({ length: 40 }, (_, index) => ask(world.url, index % 2 === 0, `c${index}`)))
    const before = await world.rows(40)
    await world.restart()
    expect(await world.rows(40)).toEqual([...before])
    const { accounts } = await world.api.listAccounts()
    for (const account of accounts) {
      const rows = before.filter((row) => row.account === account.name)
      expect(account.totals).toMatchObject({
        requests: rows.length,
        inputTokens: rows.reduce((sum, row) => sum + row.inputTokens, 0),
        outputTokens: rows.reduce((sum, row) => sum + row.outputTokens, 0),
      })
    }
  })
})

describe('a process that is killed', () => {
  const start = async (): Promise<{
    readonly child: GatewayProcess
    readonly directory: string
    readonly end: () => void
  }> => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-killed-'))
    const simulator = startSimulator()
    const child = await startGatewayProcess({ dataDirectory: directory })
    await child.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: simulator.url },
    })
    return {
      child,
      directory,
      end() {
        simulator.stop()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  }

  it('loses no request whose end a client has seen', async () => {
    const { child, directory, end } = await start()
    const seen: string[] = []
    const goOn = async (number: number): Promise<void> => {
      for (let count = 0; count < 1_000; count++) {
        const answer = await ask(child.url, count % 2 === 0, `${number}/${count}`)
        if (!answer.isWhole) return
        seen.push(idOf(answer))
      }
    }
    const workers = Array.from({ length: 8 }, (_, number) => goOn(number).catch(() => {}))
    await eventually(() => seen.length > 200 || undefined, 'some answers')
    await child.kill()
    await Promise.all(workers)
    const world = await openWorld({ accounts: [], dataDirectory: directory })
    const rows = await world.rows(seen.length)
    const booked = new Set(rows.map(({ id }) => id))
    expect(seen.filter((id) => !booked.has(id))).toEqual([])
    expect(booked.size).toBe(rows.length)
    const [account] = (await world.api.listAccounts()).accounts
    expect(account?.totals.requests).toBe(rows.length)
    await world.stop()
    end()
  })

  it('loses no account, key or setting that was acknowledged', async () => {
    const { child, directory, end } = await start()
    const key = await child.api.createKey({ body: { name: 'k' } })
    await child.api.pauseAccount({ params: { id: 'a' } })
    await child.api.changeStrategy({ body: { strategy: 'round-robin' } })
    await child.kill()
    const world = await openWorld({ accounts: [], dataDirectory: directory })
    expect((await world.api.listAccounts()).accounts).toMatchObject([
      { name: 'a', state: { kind: 'paused' } },
    ])
    expect((await world.api.listKeys()).keys).toMatchObject([{ id: key.id, name: 'k', state: 'active' }])
    expect(await world.api.showStrategy()).toEqual({ strategy: 'round-robin' })
    await world.stop()
    end()
  })

  it('loses nothing while the database was taking nothing either', async () => {
    const { child, directory, end } = await start()
    await (await fetch(`${child.url}/health`)).text()
    const blocker = new Database(join(directory, 'spillway.db'))
    blocker.run('begin immediate')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(child.url, true, `c${index}`)),
    )
    await child.kill()
    blocker.close()
    const world = await openWorld({ accounts: [], dataDirectory: directory })
    const booked = new Set((await world.rows(20)).map(({ id }) => id))
    expect(answers.map(idOf).filter((id) => !booked.has(id))).toEqual([])
    expect(world.log()).toContain('brought in from the journal')
    await world.stop()
    end()
  })
})

describe('a database that another program holds', () => {
  it('stops no traffic; health says so, and every row comes in later, once', async () => {
    const world = await openWorld()
    await ask(world.url, false)
    await world.rows(1)
    const blocker = new Database(join(world.dataDirectory, 'spillway.db'))
    blocker.run('begin exclusive')
    const ids: string[] = []
    for (let count = 0; count < 30; count++) {
      const answer = await ask(world.url, count % 2 === 0, `c${count}`)
      expect(answer).toMatchObject({ status: 200, isWhole: true })
      ids.push(idOf(answer))
    }
    const health = await eventually(
      async () => {
        const now = await world.api.health()
        return now.status === 'ok' ? undefined : now
      },
      'health to say so',
      BUSY_PATIENCE_MS,
    )
    expect(health).toMatchObject({ status: 'degraded', ledger: { waiting: 30, lost: 0 } })
    expect(health.problems.join()).toContain('does not take rows')
    expect((await ask(world.url, true)).status).toBe(200)
    expect(statSync(join(world.dataDirectory, 'ledger.journal')).size).toBeGreaterThan(0)
    blocker.run('rollback')
    blocker.close()
    await eventually(
      async () => ((await world.api.health()).status === 'ok' ? true : undefined),
      'health to be well again',
      BUSY_PATIENCE_MS * 2,
    )
    const rows = await world.rows(32)
    expect(rows).toHaveLength(32)
    expect(ids.filter((id) => !rows.some((row) => row.id === id))).toEqual([])
    expect(await world.api.showAccount({ params: { id: 'a' } })).toMatchObject({ totals: { requests: 32 } })
    await world.stop()
  })
})

describe('a stop', () => {
  it('lets a running answer end and books it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-stopped-'))
    const simulator = startSimulator()
    const child = await startGatewayProcess({
      dataDirectory: directory,
      environment: { SPILLWAY_DRAIN_MS: '600000' },
    })
    await child.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: simulator.url },
    })
    const gate = Promise.withResolvers<void>()
    const events = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) }))
    simulator.always(keyOf('a'), [
      ...reply.brokenStream(events.slice(0, 4), [reply.until(gate.promise)]),
      ...events.slice(4).map((event) => reply.send(reply.chunk(event))),
      reply.send(reply.LAST_CHUNK),
    ])
    const client = await connectRaw(child.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('content_block_delta'))
    const stopped = child.stop()
    await eventually(
      () =>
        fetch(child.url).then(
          () => undefined,
          () => true,
        ),
      'new connections to be refused',
    )
    gate.resolve()
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(events.join(''))
    expect(await within(stopped, 'the process to end')).toBe(0)
    const world = await openWorld({ accounts: [], dataDirectory: directory })
    expect(only(await world.rows(1))).toMatchObject({ id: idOf(answer), outcome: 'ok' })
    await world.stop()
    simulator.stop()
    rmSync(directory, { recursive: true, force: true })
  })
})

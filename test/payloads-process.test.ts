/**
 * Payloads of a gateway that is killed, whose disk is full, whose clients are slow and whose
 * answers have no end: traffic goes on, memory has a bound, and the file stays readable.
 */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as reply from '../src/simulator/replies.ts'
import { type Simulator, startSimulator } from '../src/simulator/simulator.ts'
import { canLimitFileSize, limitFileSize } from './support/file-size-limit.ts'
import { type GatewayProcess, startGatewayProcess } from './support/gateway-process.ts'
import { createDice } from './support/random.ts'
import { connectRaw, type RawClient } from './support/raw-client.ts'
import { bodyOf, requestBytes } from './support/requests.ts'
import { eventually, keyOf } from './support/world.ts'

const MEGABYTE = 1 << 20
const LIMIT_MS = 120_000

let directory: string
let simulator: Simulator
let gateway: GatewayProcess

afterEach(async () => {
  await gateway.kill()
  simulator.stop()
  rmSync(directory, { recursive: true, force: true })
})

const begin = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-payloads-'))
  simulator = startSimulator({ keeps: 0 })
  await start(environment)
  await gateway.api.addAccount({
    body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: simulator.url },
  })
}

const start = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
  gateway = await startGatewayProcess({
    dataDirectory: directory,
    environment: { SPILLWAY_PAYLOADS: 'all', ...environment },
  })
}

const file = (): string => join(directory, 'payloads.db')

/** A body that cannot be made smaller, so that there is something to write. */
const ask = (): Promise<Response> =>
  fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    body: bodyOf({ stream: true, system: randomBytes(40_000).toString('base64') }),
  })

describe('a gateway that is killed while it writes', () => {
  it(
    'leaves a file that is whole, and each payload in it readable',
    async () => {
      await begin()
      const dice = createDice(5)
      for (let kill = 0; kill < 6; kill++) {
        const answered = { count: 0 }
        const clients = Array.from({ length: 8 }, async () => {
          for (;;) {
            const answer = await ask()
            await answer.text()
            answered.count++
          }
        }).map((client) => client.catch(() => {}))
        const wanted = 20 + dice.below(120)
        await eventually(() => answered.count >= wanted || undefined, 'some answers', 30_000)
        await gateway.kill()
        await Promise.all(clients)
        await start()
        expect(soundness()).toEqual([{ integrity_check: 'ok' }])
      }
      const ids = storedIds()
      expect(ids.length).toBeGreaterThan(20)
      for (const id of ids.filter((_, index) => index % 10 === 0)) {
        const payload = await gateway.api.showPayload({ params: { id } })
        expect(payload).toMatchObject({ id, outcome: 'ok', request: { kept: 'whole' } })
      }
    },
    LIMIT_MS,
  )
})

const withFile = <T>(work: (database: Database) => T): T => {
  const database = new Database(file(), { readonly: true })
  try {
    return work(database)
  } finally {
    database.close()
  }
}
const soundness = () => withFile((database) => database.query('pragma integrity_check').all())
const storedIds = (): readonly string[] =>
  withFile((database) =>
    database
      .query<{ id: string }, []>('select id from payloads')
      .all()
      .map(({ id }) => id),
  )

describe('a disk that takes nothing more', () => {
  it.if(canLimitFileSize)(
    'costs payloads and no traffic; health says so until it is over',
    async () => {
      await begin()
      const problems = async (): Promise<string> => (await gateway.api.health()).problems.join(' ')
      expect((await ask()).status).toBe(200)
      const before = await gateway.api.payloadStorage()
      expect(before).toMatchObject({ count: 1, dropped: 0 })
      limitFileSize(gateway.pid, statSync(`${file()}-wal`).size)
      for (let count = 0; count < 10; count++) expect(await (await ask()).text()).toContain('message_stop')
      await eventually(
        async () => (await problems()).includes('payloads are not being kept') || undefined,
        'health',
      )
      expect((await gateway.api.payloadStorage()).dropped).toBeGreaterThan(0)
      limitFileSize(gateway.pid, undefined)
      expect((await ask()).status).toBe(200)
      await eventually(async () => !(await problems()).includes('payloads') || undefined, 'health again')
      expect((await gateway.api.payloadStorage()).count).toBeGreaterThan(1)
    },
    LIMIT_MS,
  )
})

describe('answers without an end, to clients that are slow', () => {
  it(
    'take no more memory than there is for all of them, and no more of the file than is kept',
    async () => {
      const kept = 32 * MEGABYTE
      await begin({ SPILLWAY_PAYLOAD_MAX_BYTES: String(kept) })
      const memory = async (): Promise<number> => (await gateway.api.system()).memoryBytes
      await (await ask()).text()
      const before = await memory()
      simulator.always(keyOf('a'), function* () {
        yield reply.send(
          reply.head(200, [
            ['content-type', 'text/plain'],
            ['content-length', '99999999999'],
          ]),
        )
        for (;;) yield reply.send('z'.repeat(MEGABYTE))
      })
      const clients: RawClient[] = []
      for (let count = 0; count < 12; count++) {
        const client = await connectRaw(gateway.url)
        client.write(requestBytes({ target: '/v1/files/f/content', method: 'GET', body: '' }))
        await client.when(() => client.size > kept + 4 * MEGABYTE)
        client.pause()
        clients.push(client)
      }
      // Twelve times 32 MB have passed, of which 128 MB may be held.
      expect((await memory()) - before).toBeLessThan(240 * MEGABYTE)
      for (const client of clients) client.vanish()
      await eventually(
        async () => (await gateway.api.payloadStorage()).waiting === 0 || undefined,
        'all',
        60_000,
      )
      const { requests } = await gateway.api.listRequests({ query: { limit: 13 } })
      const shown = await gateway.api.showPayload({ params: { id: requests[0]?.id ?? '' } })
      expect(shown).toMatchObject({ outcome: 'aborted', answer: { kept: 'beginning' } })
      expect(shown.answer?.size).toBeGreaterThan(kept)
    },
    LIMIT_MS,
  )
})

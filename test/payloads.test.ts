/**
 * Payloads from end to end: nothing unless somebody wants it, then exactly what passed, but
 * for what must not be kept; for whom, for how long, and how it is shown.
 */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gatheredBy } from '../src/core/payload.ts'
import { DAY } from '../src/core/time.ts'
import { streamEvents } from '../src/simulator/events.ts'
import { simulatedMessage } from '../src/simulator/healthy.ts'
import * as reply from '../src/simulator/replies.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { last } from './support/first.ts'
import { createDice } from './support/random.ts'
import { exchange } from './support/raw-answer.ts'
import { connectRaw } from './support/raw-client.ts'
import { bodyOf, requestBytes } from './support/requests.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const start = async (settings: Readonly<Record<string, unknown>> = {}): Promise<void> => {
  world = await openWorld({ settings: { retryDelayMs: 0, retryAttempts: 1, ...settings } })
}

const idOf = (answer: Response): string => answer.headers.get('x-spillway-request-id') ?? ''
const payloadOf = (id: string) => world.api.showPayload({ params: { id } })
const count = async (): Promise<number> => (await world.api.payloadStorage()).count
const isKept = async (id: string): Promise<boolean> =>
  (await world.api.showRequest({ params: { id } })).hasPayload
const raw = async (id: string, side: 'request' | 'answer'): Promise<Buffer> => {
  const answer = await world.admin(`/api/requests/${id}/payload/${side}`)
  expect(answer.status).toBe(200)
  return Buffer.from(await answer.arrayBuffer())
}
const file = (): string => join(world.dataDirectory, 'payloads.db')

describe('by default', () => {
  it('nothing is kept, and no file is there', async () => {
    await start()
    const id = idOf(await world.ask())
    expect(await isKept(id)).toBe(false)
    expect(await world.api.payloadStorage()).toMatchObject({ count: 0, bytes: 0, oldest: null })
    for (const path of ['payload', 'payload/request', 'payload/answer'])
      expect((await world.admin(`/api/requests/${id}/${path}`)).status).toBe(404)
    expect((await world.admin(`/api/requests/${id}/payload`, { method: 'DELETE' })).status).toBe(404)
    expect(existsSync(file())).toBe(false)
  })
})

describe('all', () => {
  it('keeps what the client sent and what it got, byte for byte', async () => {
    await start({ payloads: 'all' })
    const body = `{ "model" : "claude-sonnet-5-5",\n\t"max_tokens":64, "messages":[{"role":"user","content":"Gr\\u00fc\u00dfe \ud83d\ude00"}]}`
    const answer = await world.post('/v1/messages', body)
    const text = await answer.text()
    const payload = await payloadOf(idOf(answer))
    expect(payload).toMatchObject({
      ...{ method: 'POST', target: '/v1/messages', status: 200, outcome: 'ok', account: 'a' },
      request: { encoding: 'utf-8', body, size: Buffer.byteLength(body), kept: 'whole', redactions: [] },
      answer: { encoding: 'utf-8', body: text, kept: 'whole', marks: [] },
    })
    expect(await isKept(idOf(answer))).toBe(true)
  })

  it('keeps binary bodies of any kind, however they were split', async () => {
    await start({ payloads: 'all' })
    const dice = createDice(20261125)
    for (let round = 0; round < 25; round++) {
      const sent = randomBytes(dice.below(3_000))
      const given = randomBytes(1 + dice.below(20_000))
      const cuts = Array.from({ length: dice.below(8) }, () => dice.below(given.length)).sort((a, b) => a - b)
      const pieces = [0, ...cuts].map((from, index) => given.subarray(from, cuts[index] ?? given.length))
      world.simulator.script(keyOf('a'), [
        reply.send(reply.head(200, [['content-length', String(given.length)]])),
        ...pieces.flatMap((piece) => [reply.send(piece), reply.wait(0)]),
      ])
      const answer = await exchange(world.url, requestBytes({ target: '/v1/files', body: sent }))
      expect(answer.body.equals(given)).toBe(true)
      const [, id = ''] = answer.headers.find(([name]) => name === 'x-spillway-request-id') ?? []
      expect((await raw(id, 'request')).equals(sent)).toBe(true)
      expect((await raw(id, 'answer')).equals(given)).toBe(true)
    }
  })

  it('keeps a stream as it was streamed, its events and all', async () => {
    await start({ payloads: 'all' })
    const answer = await world.ask({ stream: true })
    const text = await answer.text()
    expect(text).toContain('message_stop')
    expect((await raw(idOf(answer), 'answer')).toString()).toBe(text)
  })

  it('keeps the request as it came and says which model was served', async () => {
    world = await openWorld({
      accounts: [{ name: 'a', modelMap: { 'claude-sonnet-5-5': 'claude-haiku-5-5' } }],
      settings: { payloads: 'all' },
    })
    const payload = await payloadOf(idOf(await world.ask()))
    expect(payload).toMatchObject({ model: 'claude-sonnet-5-5', servedModel: 'claude-haiku-5-5' })
    expect(JSON.parse(payload.request.body)).toMatchObject({ model: 'claude-sonnet-5-5' })
  })

  it('gives bodies as files to be saved, which no browser shows', async () => {
    await start({ payloads: 'all' })
    const id = idOf(await world.ask({ system: '<script>alert(1)</script>' }))
    const answer = await world.admin(`/api/requests/${id}/payload/request`)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${id}-request"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
  })

  it('keeps of a large body the beginning, and says how large it was', async () => {
    await start({ payloads: 'all', payloadMaxBytes: 1_000 })
    const answer = await world.ask({ stream: true, system: '\u00fc'.repeat(2_000) })
    const text = await answer.text()
    const { request, answer: kept } = await payloadOf(idOf(answer))
    expect(request).toMatchObject({ kept: 'beginning', encoding: 'utf-8' })
    expect(request.size).toBeGreaterThan(4_000)
    expect(kept).toMatchObject({ kept: 'beginning', size: text.length, body: text.slice(0, 1_000) })
    expect((await raw(idOf(answer), 'request')).length).toBe(1_000)
  })

  it('is there when the gateway comes back, the last one too', async () => {
    await start({ payloads: 'all' })
    const ids = await Promise.all(Array.from({ length: 20 }, async () => idOf(await world.ask())))
    await world.restart()
    for (const id of ids) expect((await payloadOf(id)).id).toBe(id)
  })
})

describe('headers', () => {
  it('are kept without a body', async () => {
    await start({ payloads: 'headers' })
    const { request, answer } = await payloadOf(idOf(await world.ask({}, { 'x-note': 'seen' })))
    expect(request).toMatchObject({ kept: 'nothing', body: '' })
    expect(request.size).toBeGreaterThan(50)
    expect(request.headers).toContainEqual(['x-note', 'seen'])
    expect(answer?.headers).toContainEqual(['content-type', 'application/json'])
  })
})

describe('errors', () => {
  it('are kept, exactly those', async () => {
    await start({ payloads: 'errors' })
    const events = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(8) }))
    const expected = new Map<string, boolean>()
    const note = async (answer: Promise<Response>, isError: boolean): Promise<void> => {
      const given = await answer
      await given.text().catch(() => {})
      expected.set(idOf(given), isError)
    }
    await note(world.ask(), false)
    await note(world.ask({ stream: true }), false)
    world.simulator.script(keyOf('a'), reply.badRequest)
    await note(world.ask(), true)
    world.simulator.script(keyOf('a'), reply.brokenStream(events.slice(0, 4), [reply.reset]))
    await note(world.ask({ stream: true }), true)
    await note(world.post('/v1/messages', '{'), true)
    await note(world.ask({ stream: true }), false)
    world.simulator.script(keyOf('a'), reply.brokenStream(events.slice(0, 4), [reply.stall]))
    const leaving = await connectRaw(world.url)
    leaving.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await leaving.until((text) => text.includes('content_block_delta'))
    leaving.vanish()
    expected.set(last(await world.rows(expected.size + 1)).id, true)
    world.simulator.always(keyOf('a'), reply.overloaded)
    await note(world.ask(), true)
    const outcomes = (await world.rows(expected.size)).map(({ outcome }) => outcome)
    expect(new Set(outcomes).size).toBeGreaterThanOrEqual(5)
    for (const [id, isError] of expected) expect(await isKept(id)).toBe(isError)
    expect(await count()).toBe([...expected.values()].filter(Boolean).length)
  })
})

describe('a part', () => {
  it('is kept, which the ids tell', async () => {
    await start({ payloads: 'sampled 50%' })
    const ids = await Promise.all(Array.from({ length: 40 }, async () => idOf(await world.ask())))
    const wanted = ids.filter((id) => gatheredBy({ kind: 'sampled', percent: 50 }, id) === 'bodies')
    expect(wanted.length).toBeGreaterThan(0)
    for (const id of ids) expect(await isKept(id)).toBe(wanted.includes(id))
  })
})

describe('a key', () => {
  it('says otherwise than the setting, both ways', async () => {
    await start({ payloads: 'errors' })
    const all = await world.api.createKey({ body: { name: 'all', payloads: 'all' } })
    const none = await world.api.createKey({ body: { name: 'none', payloads: 'off' } })
    expect(all.payloads).toBe('all')
    expect(await isKept(idOf(await world.ask({}, { 'x-api-key': all.secret })))).toBe(true)
    world.simulator.script(keyOf('a'), reply.badRequest)
    expect(await isKept(idOf(await world.ask({}, { 'x-api-key': none.secret })))).toBe(false)
    await world.api.changeKey({ params: { id: 'none' }, body: { payloads: null } })
    world.simulator.script(keyOf('a'), reply.badRequest)
    expect(await isKept(idOf(await world.ask({}, { 'x-api-key': none.secret })))).toBe(true)
  })

  it('cannot say what is not understood', async () => {
    await start()
    const answer = await world.admin('/api/keys', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"k","payloads":"most"}',
    })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('must be off, headers, errors, all, or a part')
  })
})

describe('what must not be kept', () => {
  it('is in no payload: the client’s key, the account’s, those in prompts, and what is named', async () => {
    await start({ payloads: 'all', payloadRedactions: ['(?i)hydra'] })
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    world.simulator.script(keyOf('a'), ({ key }) =>
      reply.whole(200, JSON.stringify({ echo: key, type: 'message', client: secret })),
    )
    const given = await world.ask(
      { system: `Project Hydra, my key is sk-ant-api03-${'x'.repeat(30)} and ${secret}` },
      { authorization: `Bearer ${secret}`, cookie: 'session=CANARY-cookie', 'x-echo': keyOf('a') },
    )
    const text = await given.text()
    expect(text).toContain(keyOf('a'))
    const shown = await payloadOf(idOf(given))
    const all = `${JSON.stringify(shown)}${await raw(idOf(given), 'request')}${await raw(idOf(given), 'answer')}`
    for (const hidden of [secret, keyOf('a'), 'CANARY', 'sk-ant-api03-x', 'Hydra'])
      expect(all).not.toContain(hidden)
    expect(shown.request.redactions).toContainEqual({ rule: '(?i)hydra', count: 1 })
    expect(shown.request.redactions).toContainEqual({ rule: 'credential header', count: 2 })
    expect(shown.answer?.body).toBe(
      text.replace(keyOf('a'), '*'.repeat(8)).replace(secret, '*'.repeat(secret.length)),
    )
    expect(readFileSync(file(), 'latin1')).not.toContain('Project')
  })

  it('is changed at once with the setting, which takes only patterns that it can hold to', async () => {
    await start()
    await world.api.changeConfig({ body: { payloads: 'all', payloadRedactions: ['hydra'] } })
    expect((await payloadOf(idOf(await world.ask({ system: 'hydra' })))).request.body).toContain('"*****"')
    const refused = await world.admin('/api/config', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payloadRedactions: ['(?=a)b'] }),
    })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('must be patterns as RE2 understands them')
  })
})

describe('payloads', () => {
  it('are forgotten when that is asked for; their rows stay', async () => {
    await start({ payloads: 'all' })
    const ids = [idOf(await world.ask()), idOf(await world.ask()), idOf(await world.ask())]
    expect(await count()).toBe(3)
    expect(await world.api.forgetPayload({ params: { id: ids[0] ?? '' } })).toEqual({ forgotten: 1 })
    expect(await isKept(ids[0] ?? '')).toBe(false)
    expect(await isKept(ids[1] ?? '')).toBe(true)
    expect(await world.api.forgetPayloads()).toEqual({ forgotten: 2 })
    expect(await count()).toBe(0)
    expect(await world.rows(3)).toHaveLength(3)
  })

  it('that are past their time go as soon as that time is changed', async () => {
    await start({ payloads: 'all' })
    const id = idOf(await world.ask())
    expect(await isKept(id)).toBe(true)
    const aged = new Database(file())
    aged.run('update payloads set at = at - ?', [6 * DAY])
    aged.close()
    const next = idOf(await world.ask())
    expect([await isKept(next), await isKept(id)]).toEqual([true, true])
    await world.api.changeConfig({ body: { payloadRetentionDays: 5 } })
    await eventually(async () => !(await isKept(id)), 'the old one to go', 20_000)
    expect(await isKept(next)).toBe(true)
  })
})

describe('the command line', () => {
  let place: Place

  it('shows a request’s payload, and writes its bytes', async () => {
    await start()
    place = await openPlace(true)
    await place.world.api.changeConfig({ body: { payloads: 'all' } })
    await place.addAccount('a')
    const answer = await place.world.ask({ system: 'a particular sentence' })
    const text = await answer.text()
    const id = idOf(answer)
    const shown = await place.run(`requests show ${id} --payload`)
    expect(shown.out).toContain('REQUEST  POST /v1/messages')
    expect(shown.out).toContain('a particular sentence')
    expect(shown.out).toContain('ANSWER  200 ok')
    const asJson = await place.run(`requests show ${id} --payload --json`)
    expect(asJson.json<{ answer: { body: string } }>().answer.body).toBe(text)
    expect((await place.run(`requests show ${id} --raw answer`)).out).toBe(text)
    expect(await place.run(`requests show ${id} --raw both`)).toMatchObject({ code: 2 })
    expect(await place.run('requests show nobody --payload')).toMatchObject({ code: 3 })
    expect((await place.run('keys create k --payloads errors')).code).toBe(0)
    expect((await place.run('keys show k')).out).toMatch(/payloads +errors/)
    await place.stopServer()
    expect((await place.run(`requests show ${id} --raw answer`)).out).toBe(text)
    await place.stop()
  }, 60_000)
})

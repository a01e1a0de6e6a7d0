/**
 * curl as a client, a process of its own: what a shell script sees of the gateway. Exit
 * codes count: a script must be able to tell a whole answer from one that broke off.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { streamEvents } from '../../src/simulator/events.ts'
import * as reply from '../../src/simulator/replies.ts'
import {
  BEGINNING,
  BROKEN_STREAMS,
  CUT_MESSAGE,
  QUESTION,
  richMessage,
  STALLED_STREAM,
} from '../support/sdk.ts'
import { hasTool } from '../support/tools.ts'
import { eventually, keyOf, openWorld, type World, type WorldOptions } from '../support/world.ts'

const suite = hasTool('curl') ? describe : describe.skip

let world: World
let directory: string
const children: Bun.Subprocess[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-curl-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    await child.exited
  }
  rmSync(directory, { recursive: true, force: true })
  await world.stop()
})

/** "Partial file" and "failure in receiving network data": what curl says of an answer that broke off. */
const BROKE_OFF = [18, 56]
const QUESTION_BYTES = JSON.stringify(QUESTION)
const MEGABYTE = 1 << 20

suite('an answer', () => {
  it('that is not streamed comes whole, and the exit code is 0', async () => {
    await open(undefined)
    const { code, text, head } = await ask('-d', QUESTION_BYTES)
    expect(code).toBe(0)
    expect(JSON.parse(text)).toMatchObject({ type: 'message', stop_reason: 'end_turn' })
    expect(head).toContain('content-length: ')
    expect(head).not.toContain('content-encoding')
    expect(world.simulator.received[0]?.body.toString()).toBe(QUESTION_BYTES)
  })

  it('that is streamed comes event by event with -N, byte for byte, and the exit code is 0', async () => {
    const events = streamEvents(RICH)
    const gates = events.map(() => Promise.withResolvers<void>())
    const [begin, ...none] = reply.brokenStream([], [])
    await open([
      ...(begin === undefined ? none : [begin]),
      ...events.flatMap((event, index) => [
        reply.until(gates[index]?.promise ?? Promise.resolve()),
        reply.send(reply.chunk(event)),
      ]),
      reply.send(reply.LAST_CHUNK),
    ])
    const curl = start('-N', '-d', STREAMED)
    for (const gate of gates.slice(0, HELD)) gate.resolve()
    let text = ''
    let released = HELD
    for await (const bytes of curl.stdout) {
      text += Buffer.from(bytes).toString('latin1')
      const isAllThere = text.length === Buffer.byteLength(events.slice(0, released).join(''))
      if (isAllThere) gates[released++]?.resolve()
    }
    expect(Buffer.from(text, 'latin1').toString()).toBe(events.join(''))
    expect(await curl.exited).toBe(0)
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', stream: true, outputTokens: 37 })
  })

  it('needs no --compressed, and comes the same with it', async () => {
    await open(reply.message(RICH))
    const plain = await ask('-d', QUESTION_BYTES)
    const compressed = await ask('--compressed', '-d', QUESTION_BYTES)
    expect(compressed.text).toBe(plain.text)
    expect(world.simulator.received.map(acceptedEncoding)).toEqual(['identity', 'identity'])
  })

  it('leaves the connection open for the next request', async () => {
    await open(undefined)
    const { text } = await ask(
      ...['-d', QUESTION_BYTES, '-o', join(directory, 'one'), '-w', '%{num_connects}'],
      ...['--next', '-s', ...JSON_BODY, '-d', QUESTION_BYTES],
      ...['-o', join(directory, 'two'), '-w', '%{num_connects}', `${world.url}/v1/messages`],
    )
    expect(text).toBe('10')
    expect(await world.rows(2)).toHaveLength(2)
  })
})

suite('a request', () => {
  it('may be a HEAD / to warm the connection up, without a key and without an upstream', async () => {
    await open(undefined)
    await world.api.createKey({ body: { name: 'laptop' } })
    for (const path of ['/', '/api/hello']) {
      const { code, text } = await curl('-s', '-I', `${world.url}${path}`)
      expect(code).toBe(0)
      expect(text).toStartWith('HTTP/1.1 200 OK\r\n')
    }
    expect(world.simulator.received).toHaveLength(0)
  })

  it('in HTTP/1.0 is refused', async () => {
    await open(undefined)
    const { code, text, status } = await ask('--http1.0', '-d', QUESTION_BYTES)
    expect({ code, status }).toEqual({ code: 0, status: 505 })
    expect(JSON.parse(text)).toMatchObject({ type: 'error' })
    expect(world.simulator.received).toHaveLength(0)
  })

  it('that offers HTTP/2 in clear text is answered in HTTP/1.1, and the offer goes no further', async () => {
    await open(undefined)
    const { code, head } = await ask('--http2', '-d', QUESTION_BYTES)
    expect(code).toBe(0)
    expect(head).toStartWith('HTTP/1.1 200 OK\r\n')
    const names = world.simulator.received[0]?.headers.map(([name]) => name) ?? []
    expect(names).not.toContain('upgrade')
    expect(names).not.toContain('http2-settings')
  })

  it.each([
    ['plainly', (url: string) => ['-x', url, 'http://169.254.169.254/latest']],
    ['through a tunnel', (url: string) => ['-p', '-x', url, 'http://169.254.169.254/latest']],
    ['by its target', (url: string) => ['--request-target', 'http://169.254.169.254/latest', `${url}/`]],
  ])('to somewhere else is refused when it is made %s', async (_how, words) => {
    await open(undefined)
    const { text } = await curl('-s', '-o', join(directory, 'body'), '-w', STATUSES, ...words(world.url))
    expect(text).toMatch(/^(?:000|4\d\d|5\d\d) (?:000|4\d\d|5\d\d)$/)
    expect(text).not.toBe('000 000')
    expect(world.simulator.received).toHaveLength(0)
  })

  it('may send its body in chunks', async () => {
    await open(undefined)
    const { code, status } = await ask('-H', 'transfer-encoding: chunked', '-d', QUESTION_BYTES)
    expect({ code, status }).toEqual({ code: 0, status: 200 })
    expect(world.simulator.received[0]?.body.toString()).toBe(QUESTION_BYTES)
  })
})

suite('Expect: 100-continue', () => {
  const expecting = (file: string) => [
    ...['-H', 'expect: 100-continue', '--expect100-timeout', '20', '--data-binary', `@${file}`],
  ]

  it('is answered before a large body, which then comes whole', async () => {
    await open(undefined)
    const file = bodyOf(8 * MEGABYTE)
    const { code, head, uploaded } = await ask(...expecting(file.path))
    expect(code).toBe(0)
    expect(head).toStartWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n')
    expect(uploaded).toBe(file.bytes.length)
    const [received] = world.simulator.received
    expect(received?.body.equals(file.bytes)).toBe(true)
    expect(received?.headers.some(([name]) => name === 'expect')).toBe(false)
  })

  it('is answered with 413 when the body is too large, and nothing of it is sent', async () => {
    await open(undefined, { settings: { maxBodyBytes: MEGABYTE } })
    const { code, status, uploaded } = await ask(...expecting(bodyOf(2 * MEGABYTE).path))
    expect({ code, status, uploaded }).toEqual({ code: 0, status: 413, uploaded: 0 })
  })

  it('is answered with 401 when the key is wrong, and nothing of the body is sent', async () => {
    await open(undefined)
    await world.api.createKey({ body: { name: 'laptop' } })
    const { code, status, uploaded } = await ask(...expecting(bodyOf(2 * MEGABYTE).path))
    expect({ code, status, uploaded }).toEqual({ code: 0, status: 401, uploaded: 0 })
  })

  it('is not needed: who sends too large a body all the same sees the 413, not a broken connection', async () => {
    await open(undefined, { settings: { maxBodyBytes: MEGABYTE } })
    const { path } = bodyOf(16 * MEGABYTE)
    const { code, status, text } = await ask('-H', 'expect:', '--data-binary', `@${path}`)
    expect({ code, status }).toEqual({ code: 0, status: 413 })
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'request_too_large' } })
  })
})

suite('a key', () => {
  it.each([
    ['x-api-key', (key: string) => `x-api-key: ${key}`],
    ['a Bearer token', (key: string) => `authorization: Bearer ${key}`],
  ])('in %s opens the door', async (_where, header) => {
    await open(undefined)
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    expect((await ask('-H', header(secret), '-d', QUESTION_BYTES)).status).toBe(200)
  })

  it('that is wrong does not: 401, and no use in trying again', async () => {
    await open(undefined)
    await world.api.createKey({ body: { name: 'laptop' } })
    const { code, status, head, text } = await ask('-H', 'x-api-key: spk_wrong', '-d', QUESTION_BYTES)
    expect({ code, status }).toEqual({ code: 0, status: 401 })
    expect(head).toContain('x-should-retry: false\r\n')
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'authentication_error' } })
    expect((await ask('--fail', '-d', QUESTION_BYTES)).code).toBe(22)
    expect(world.simulator.received).toHaveLength(0)
  })
})

suite('an answer that breaks off', () => {
  it.each(BROKEN_STREAMS)(
    'by %s ends curl with an error, after the bytes that there were',
    async (_how, broken) => {
      await open(broken)
      const { code, text } = await ask('-N', '-d', STREAMED)
      expect(BROKE_OFF).toContain(code)
      expect(text).toStartWith(BEGINNING.join(''))
      expect(text).not.toContain('message_stop')
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated' })
    },
  )

  it('in the same moment in which it came does so too', async () => {
    await open(reply.brokenStream(BEGINNING, [reply.send(reply.LAST_CHUNK)]))
    const { code, text } = await ask('-N', '-d', STREAMED)
    expect(BROKE_OFF).toContain(code)
    expect(text).toBe(BEGINNING.join(''))
  })

  it('does so when it was not streamed', async () => {
    await open(CUT_MESSAGE)
    expect(BROKE_OFF).toContain((await ask('-d', QUESTION_BYTES)).code)
    expect((await world.rows(1))[0]?.outcome).toBe('truncated')
  })
})

suite('leaving', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('by %s reaches the upstream at once', async (signal) => {
    await open(STALLED_STREAM)
    const child = start('-N', '-d', STREAMED)
    await child.stdout.getReader().read()
    child.kill(signal)
    await world.simulator.received[0]?.abandoned
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted', inputTokens: 10 })
  })

  it('before the answer has begun reaches the upstream too', async () => {
    await open([reply.stall])
    const child = start('-d', QUESTION_BYTES)
    const received = await eventually(() => world.simulator.received[0], 'the upstream to be asked')
    child.kill('SIGKILL')
    await received.abandoned
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted', status: 0 })
  })
})

const RICH = richMessage({ number: 1, body: Buffer.alloc(0) })
const STREAMED = JSON.stringify({ ...QUESTION, stream: true })
/** Nothing goes out before content has come: the start, two pings, a block's start, a delta. */
const HELD = 5
const JSON_BODY = ['-H', 'content-type: application/json']
const STATUSES = '%{http_code} %{http_connect}'

async function open(upstream: reply.Reply | undefined, options: WorldOptions = {}): Promise<void> {
  world = await openWorld(options)
  world.simulator.always(keyOf('a'), upstream)
}

interface Ran {
  readonly code: number
  readonly text: string
  /** What curl counted, where it was asked to. */
  readonly counts: string
}

/** A POST to /v1/messages, with the heads that came back. */
async function ask(
  ...words: readonly string[]
): Promise<Ran & { readonly head: string; readonly status: number; readonly uploaded: number }> {
  const file = join(directory, 'head')
  const count = words.includes('-w') ? [] : ['-w', '%{stderr}%{http_code} %{size_upload}']
  const ran = await curl('-s', '-D', file, ...count, ...JSON_BODY, `${world.url}/v1/messages`, ...words)
  const [status, uploaded] = ran.counts.split(' ')
  const head = existsSync(file) ? readFileSync(file, 'latin1') : ''
  return { ...ran, head, status: Number(status), uploaded: Number(uploaded) }
}

async function curl(...words: readonly string[]): Promise<Ran> {
  const child = spawn(words)
  const [text, counts, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, text, counts }
}

/** Does not wait for the end. */
const start = (...words: readonly string[]) =>
  spawn(['-s', ...JSON_BODY, `${world.url}/v1/messages`, ...words])

function spawn(words: readonly string[]) {
  const child = Bun.spawn(['curl', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: directory },
  })
  children.push(child)
  return child
}

/** A valid request of at least so many bytes, as a file. */
function bodyOf(bytes: number): { readonly path: string; readonly bytes: Buffer } {
  const content = Buffer.from(
    JSON.stringify({ ...QUESTION, messages: [{ role: 'user', content: 'ü'.repeat(bytes / 2) }] }),
  )
  const path = join(directory, 'body.json')
  writeFileSync(path, content)
  return { path, bytes: content }
}

const acceptedEncoding = ({ headers }: World['simulator']['received'][number]): string | undefined =>
  headers.find(([name]) => name === 'accept-encoding')?.[1]

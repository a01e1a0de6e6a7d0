/** Where a batch's results are (`wire.md` §1.9): at the gateway, whatever the provider says. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const BATCHES = '/v1/messages/batches'
const RESULTS = `${BATCHES}/msgbatch_1/results`
/** Odd spacing and all: what is not the URL's origin must come back as it was. */
const batchAt = (url: string) => `{ "id":"msgbatch_1",  "results_url" : "${url}", "x":"http://a/v1/files" }`

async function ask(body: string, settings: Readonly<Record<string, unknown>> = {}): Promise<string> {
  world = await openWorld({ settings })
  world.simulator.always(keyOf('a'), reply.whole(200, body, [['content-type', 'application/json']]))
  const answer = await fetch(`${world.url}${BATCHES}/msgbatch_1`)
  const text = await answer.text()
  expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
  return text
}

describe('a batch’s results', () => {
  it('are at the gateway, and nothing else of the answer is changed', async () => {
    const text = await ask(batchAt(`https://api.anthropic.com${RESULTS}`))
    expect(text).toBe(batchAt(`${world.url}${RESULTS}`))
  })

  it('are there for providers whose API has a path of its own before it', async () => {
    const text = await ask(batchAt(`https://provider.test/anthropic${RESULTS}`))
    expect(text).toBe(batchAt(`${world.url}${RESULTS}`))
  })

  it('are where the operator says that clients find the gateway', async () => {
    const text = await ask(batchAt(`https://api.anthropic.com${RESULTS}`), {
      publicUrl: 'https://llm.example.com/',
    })
    expect(text).toBe(batchAt(`https://llm.example.com${RESULTS}`))
  })

  it('are rewritten for every batch of a list', async () => {
    const list = (origin: string) => `{"data":[${batchAt(origin + RESULTS)},${batchAt(origin + RESULTS)}]}`
    expect(await ask(list('https://api.anthropic.com'))).toBe(list(world.url))
  })

  it('that are not there yet leave the answer as it is', async () => {
    const body = '{"id":"msgbatch_1","results_url":null}'
    expect(await ask(body)).toBe(body)
  })

  it('in an answer of many megabytes are left alone rather than held', async () => {
    const body = `{"x":"${'x'.repeat(3 << 20)}","results_url":"https://api.anthropic.com${RESULTS}"}`
    expect(await ask(body)).toBe(body)
  })
})

it('an answer about a batch that breaks off is not made whole', async () => {
  world = await openWorld()
  const head = reply.head(200, [
    ['content-type', 'application/json'],
    ['content-length', '500'],
  ])
  world.simulator.always(keyOf('a'), [reply.send(`${head}{"id":"msgbatch_1",`), reply.wait(20), reply.reset])
  const text = fetch(`${world.url}${BATCHES}`).then((answer) => answer.text())
  await expect(text).rejects.toThrow()
  expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated' })
})

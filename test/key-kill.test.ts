/** A gateway that is killed under load knows afterwards what its keys have used, exactly as the ledger says (G6). */
import { afterEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Simulator, startSimulator } from '../src/simulator/simulator.ts'
import { type GatewayProcess, startGatewayProcess } from './support/gateway-process.ts'
import { keyOf } from './support/world.ts'

const KILLS = 4
const ASKED_EACH = 12

const dataDirectory = mkdtempSync(join(tmpdir(), 'spillway-key-kill-'))
let gateway: GatewayProcess | undefined
let simulator: Simulator | undefined
afterEach(async () => {
  await gateway?.kill()
  simulator?.stop()
  rmSync(dataDirectory, { recursive: true, force: true })
})

it('what keys have used is neither lost nor counted twice by kills', async () => {
  simulator = startSimulator()
  const first = await start()
  const { url } = simulator
  await first.api.addAccount({ body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: url } })
  const budgets = [{ usd: 100, period: 'month' as const }]
  const { secret } = await first.api.createKey({ body: { name: 'ci', budgets } })
  for (let kill = 0; kill < KILLS; kill++) {
    const running = gateway ?? (await start())
    const answers = Array.from({ length: ASKED_EACH }, (_, index) => ask(running.url, secret, index))
    expect(await Promise.all(answers)).toEqual(Array.from({ length: ASKED_EACH }, () => 200))
    await running.kill()
    gateway = undefined
  }
  const last = await start()
  const { use } = await last.api.showKey({ params: { id: 'ci' } })
  const { requests } = await last.api.listRequests({ query: { limit: 1_000 } })
  const sum = (of: (row: (typeof requests)[number]) => number): number =>
    requests.reduce((total, row) => total + of(row), 0)
  expect(requests).toHaveLength(KILLS * ASKED_EACH)
  expect(use.month.requests).toBe(KILLS * ASKED_EACH)
  expect(use.month.tokens).toBe(sum(({ inputTokens, outputTokens }) => inputTokens + outputTokens))
  expect(use.month.costUsd).toBeCloseTo(
    sum(({ costUsd }) => costUsd ?? 0),
    12,
  )
  expect(use.limits).toMatchObject([{ used: use.month.costUsd }])
})

async function start(): Promise<GatewayProcess> {
  gateway = await startGatewayProcess({ dataDirectory })
  return gateway
}

async function ask(url: string, secret: string, index: number): Promise<number> {
  const content = `Question ${index}: ${'why? '.repeat(index)}`
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': secret },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 64,
      messages: [{ role: 'user', content }],
    }),
  })
  await answer.text()
  return answer.status
}

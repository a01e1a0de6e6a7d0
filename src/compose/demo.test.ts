/** What the demonstration shows within a minute: every one of its accounts at work. */
import { expect, it } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../test/support/world.ts'
import { createClient } from '../api/client.ts'
import { createDemo } from './demo.ts'
import { startGateway } from './serve.ts'

it('gives all three accounts something to do soon', async () => {
  const demo = createDemo()
  const { dataDirectory } = demo
  const running = await startGateway({
    places: { dataDirectory, configFile: join(dataDirectory, 'config.json') },
    flags: { port: 0, logFormat: 'json', ...demo.flags },
    environment: {},
    output: { write: () => {}, flush: () => {}, dropped: 0 },
  })
  await demo.begin(running)
  const client = createClient((path, init) => {
    const headers = { authorization: `Bearer ${running.gateway.adminToken}` }
    return fetch(`${running.url}${path}`, { ...init, headers })
  })
  const served = async (): Promise<true | undefined> => {
    const { accounts } = await client.listAccounts()
    return accounts.every(({ totals }) => totals.requests > 0) || undefined
  }
  await eventually(served, 'a request on each account', 20_000)
  await running.stop(0)
  demo.stop()
  expect(existsSync(dataDirectory)).toBe(false)
}, 30_000)

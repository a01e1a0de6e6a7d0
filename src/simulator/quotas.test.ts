/** Other vendors' quota endpoints over real sockets, against the examples of `wire.md` §4.2. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import * as reply from './replies.ts'
import { type Simulator, startSimulator } from './simulator.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')
const KEYED = { authorization: 'Bearer CANARY-a' }
const VENDORS: readonly (readonly [path: string, shape: object, refusal: readonly [number, object]])[] = [
  [
    '/api/monitor/usage/quota/limit',
    { success: true, data: { limits: [{ type: 'TOKENS_LIMIT', unit: 3, percentage: 12 }, {}, {}] } },
    [200, { success: false, code: 401 }],
  ],
  [
    '/v1/token_plan/remains',
    { base_resp: { status_code: 0 }, model_remains: [{ current_interval_remaining_percent: 71 }] },
    [200, { base_resp: { status_code: 1004 } }],
  ],
  ['/coding/v1/usages', { usage: { limit: '1000' }, limits: [{ detail: { remaining: '40' } }] }, [401, {}]],
  ['/v1/usages', { usage: { used: '120' } }, [401, {}]],
  ['/v1/users/me/balance', { status: true, data: { available_balance: 49.5 } }, [401, {}]],
  ['/user/balance', { balance_infos: [{ currency: 'USD', total_balance: '110.00' }] }, [401, {}]],
  ['/api/subscription/v1/usage', { daily: { percentUsed: 0.0025 }, monthly: {} }, [401, {}]],
  ['/api/v1/key', { data: { limit: 100, limit_remaining: 74.5 } }, [401, {}]],
  ['/zen/go/v1/usage', { usage: { monthly: { status: 'rate-limited', percent: 100 } } }, [401, {}]],
]

let simulator: Simulator
beforeEach(() => {
  simulator = startSimulator({ now: () => NOON })
})
afterEach(() => simulator.stop())

describe.each(VENDORS)('%s', (path, shape, [status, refusal]) => {
  it('has the vendor’s shape', async () => {
    const answer = await get(path, KEYED)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject(shape)
  })

  it('names resets that are ahead', async () => {
    const { body } = await get(path, KEYED)
    for (const at of momentsIn(body)) expect(at).toBeGreaterThan(NOON)
  })

  it('refuses a request without a credential in the vendor’s way', async () => {
    const answer = await get(path, {})
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject(refusal)
  })

  it('is scripted by key like everything else', async () => {
    simulator.script('CANARY-a', reply.serverError)
    expect(await get(path, KEYED)).toMatchObject({ status: 500 })
  })
})

it('has something to check of every kind of moment', async () => {
  const counts = await Promise.all(
    VENDORS.map(async ([path]) => momentsIn((await get(path, KEYED)).body).length),
  )
  expect(counts).toEqual([2, 2, 2, 2, 0, 0, 3, 0, 3])
})

it('posting to a quota endpoint asks for nothing', async () => {
  const answer = await fetch(`${simulator.url}/user/balance`, { method: 'POST', headers: KEYED })
  expect(answer.status).toBe(404)
})

interface Answer {
  readonly status: number
  readonly body: unknown
}

async function get(path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const answer = await fetch(`${simulator.url}${path}`, { headers })
  return { status: answer.status, body: await answer.json() }
}

/** Everything that names a reset or an end, in milliseconds. */
function momentsIn(body: unknown): readonly number[] {
  const named = JSON.stringify(body).matchAll(/"\w*(?:reset|end_time|PeriodEnd)\w*":(?:"([^"]+)"|(\d+))/gi)
  return [...named]
    .map(([, iso, millis]) => (iso === undefined ? Number(millis) : Date.parse(iso)))
    .filter((at) => !Number.isNaN(at))
}

/**
 * The demonstration: the real gateway on a throwaway data directory, in front of a simulated
 * provider with three accounts of different health, and a trickle of traffic. Nothing
 * leaves the machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '../api/client.ts'
import { PING } from '../simulator/events.ts'
import { simulatedMessage } from '../simulator/healthy.ts'
import {
  chunk,
  message,
  overloaded,
  type Reply,
  send,
  stream,
  throttled,
  wait,
  windowSpent,
} from '../simulator/replies.ts'
import { type Received, type Simulator, startSimulator } from '../simulator/simulator.ts'
import type { RunningGateway } from './serve.ts'

export interface Demo {
  readonly dataDirectory: string
  /** Outrank whatever is configured on this machine: nothing is to leave it. */
  readonly flags: Readonly<Record<string, unknown>>
  /** Adds the accounts and starts the traffic. */
  begin(running: RunningGateway): Promise<void>
  stop(): void
}

/** Of one priority and about as well off as the plan below: new conversations go to each in turn. */
const KEYS = [
  { name: 'spent', key: 'demo-spent' },
  { name: 'moody', key: 'demo-moody' },
] as const
/** A subscription that is well; its token is renewed every few minutes, so that it can be seen. */
const PLAN = 'steady'
const PLAN_TOKEN_SECONDS = 15 * 60

const TRAFFIC_MS = 1_500
/** So many conversations go on at a time, each for so many turns. */
const CONVERSATIONS = 3
const TURNS = 8
const MODELS = ['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-haiku-5-5']

export function createDemo(): Demo {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'spillway-demo-'))
  const simulator = startSimulator({ keeps: 0 })
  let timer: ReturnType<typeof setInterval> | undefined
  giveCharacter(simulator)
  return {
    dataDirectory,
    flags: { anthropicOauthUrl: simulator.url, anthropicAuthorizeUrl: simulator.url },
    async begin({ url, gateway }) {
      const client = createClient((path, init) => {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${gateway.adminToken}` }
        return gateway.app(new Request(`http://gateway${path}`, { ...init, headers }), 'demo')
      })
      await addPlan(client, simulator)
      for (const { name, key } of KEYS) {
        await client.addAccount({
          body: { name, provider: 'anthropic-compatible', apiKey: key, baseUrl: simulator.url },
        })
      }
      let turn = 0
      timer = setInterval(() => void ask(url, ++turn), TRAFFIC_MS)
    },
    stop() {
      clearInterval(timer)
      simulator.stop()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}

/** Nobody's subscription: the simulated provider grants it and renews its tokens. */
async function addPlan(client: Client, { url, logins }: Simulator): Promise<void> {
  logins.lifetimeSeconds = PLAN_TOKEN_SECONDS
  const { accessToken, refreshToken, expiresAt, loginId } = logins.grant({ plan: 'max-5x' })
  logins.setUsage(loginId, { fiveHour: { usedPercent: 42 }, sevenDay: { usedPercent: 61 } })
  await client.addAccount({
    body: {
      name: PLAN,
      provider: 'claude-oauth',
      baseUrl: url,
      accessToken,
      ...(refreshToken === undefined ? {} : { refreshToken }),
      tokenExpiresAt: new Date(expiresAt).toISOString(),
      acceptTerms: true,
    },
  })
}

/** Beside the plan, one reaches its window's end, and one is overloaded now and then. */
function giveCharacter(simulator: Simulator): void {
  let answered = 0
  simulator.always('demo-spent', (request) => {
    answered++
    return answered % 6 === 0 ? windowSpent('5h', Math.round(Date.now() / 1_000) + 45) : unhurried(request)
  })
  const moods = [undefined, undefined, overloaded, throttled(8), undefined, undefined]
  let mood = 0
  simulator.always('demo-moody', (request) => moods[mood++ % moods.length] ?? unhurried(request))
}

/** Words come one after the other, as a model's do. */
function unhurried(request: Received): Reply {
  const isMessages = request.target.startsWith('/v1/messages') && !request.target.includes('count_tokens')
  const simulated = simulatedMessage(MODELS[request.number % MODELS.length] ?? '', request)
  if (!isMessages) return message(simulated)
  return request.body.includes('"stream":true')
    ? stream(simulated, [wait(60), send(chunk(PING))])
    : message(simulated)
}

/** A client of the demonstration: a few conversations, and new ones when they have ended. */
async function ask(url: string, turn: number): Promise<void> {
  const generation = Math.floor(turn / (CONVERSATIONS * TURNS))
  const session = `demo-session-${generation}-${turn % CONVERSATIONS}`
  try {
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        'x-claude-code-session-id': session,
      },
      body: JSON.stringify({
        model: MODELS[turn % MODELS.length],
        max_tokens: 256,
        stream: turn % 3 !== 0,
        messages: [{ role: 'user', content: `Turn ${turn} of ${session}` }],
      }),
    })
    await response.arrayBuffer()
  } catch {
    // The gateway is stopping, or broke the answer off: both are part of what is shown.
  }
}

/** Deliveries under a clock that the test moves: retries, restarts, channels that do not hold up each other. */
import { describe, expect, it } from 'bun:test'
import { inMemoryAlerts } from '../../../test/support/alerts.ts'
import { memoryLog, NOON } from '../../../test/support/samples.ts'
import { calm, type TickingClock, tickingClock } from '../../../test/support/ticking-clock.ts'
import { toSealedSecret } from '../../core/account.ts'
import { type AlertChannel, MOST_ATTEMPTS } from '../../core/alerts/channel.ts'
import type { AlertStore, Carried, Delivery } from '../../core/ports/alerts.ts'
import type { SecretBox } from '../../core/ports/secrets.ts'
import { DAY, HOUR, later, MINUTE, SECOND } from '../../core/time.ts'
import { createSender } from './sender.ts'

const FAILED: Carried = { kind: 'failed', status: 500, problem: 'It answered 500.' }

describe('a delivery', () => {
  it('that has arrived is not sent again', async () => {
    const { clock, sent, store } = open({ deliveries: [delivery('1')] })
    await clock.advance(HOUR)
    expect(sent).toEqual(['1'])
    expect(store.waiting()).toEqual([])
  })

  it('is tried again after ten seconds, then four times as long each time, and given up within a day', async () => {
    const { clock, sent, sentAt, store } = open({ deliveries: [delivery('1')], answer: () => FAILED })
    await clock.advance(2 * DAY)
    expect(sent).toHaveLength(MOST_ATTEMPTS)
    expect(sentAt.slice(0, 5).map((at) => Math.round(at / SECOND))).toEqual([0, 10, 50, 210, 850])
    expect(sentAt.at(-1)).toBeLessThan(DAY)
    const [given] = await store.listDeliveries({ limit: 1 })
    expect(given).toMatchObject({
      state: 'failed',
      attempts: MOST_ATTEMPTS,
      status: 500,
      problem: 'It answered 500.',
    })
  })

  it('waits by a chance that spreads it, and for as long as its receiver asks for', async () => {
    for (const [chance, ms] of [
      [0, 8],
      [1, 12],
    ] as const) {
      const { clock, store } = open({ deliveries: [delivery('1')], answer: () => FAILED, chance })
      await clock.advance(1)
      expect((store.waiting()[0]?.at ?? 0) - NOON).toBe(ms * SECOND)
    }
    const asked = open({
      deliveries: [delivery('1')],
      answer: () => ({ ...FAILED, retryAfterMs: 30 * MINUTE }),
    })
    await asked.clock.advance(29 * MINUTE)
    expect(asked.sent).toHaveLength(1)
    await asked.clock.advance(2 * MINUTE)
    expect(asked.sent).toHaveLength(2)
  })

  it('is not tried again where its receiver wants no more, or its channel is off or gone', async () => {
    const final = open({ deliveries: [delivery('1')], answer: () => ({ ...FAILED, isFinal: true }) })
    await final.clock.advance(DAY)
    expect(final.sent).toHaveLength(1)
    for (const channels of [[], [{ ...channel('one'), isEnabled: false }]]) {
      const { clock, sent, store } = open({ deliveries: [delivery('1')], channels })
      await clock.advance(DAY)
      expect(sent).toEqual([])
      expect(await store.listDeliveries({ limit: 1 })).toMatchObject([{ state: 'failed' }])
    }
  })

  it('that failed is gone on with after a restart, when its time has come', async () => {
    const first = open({ deliveries: [delivery('1')], answer: () => FAILED })
    await first.clock.advance(15 * SECOND)
    expect(first.sent).toHaveLength(2)
    await first.stop()
    const second = open({ store: first.store, clock: first.clock })
    await first.clock.advance(20 * SECOND)
    expect(second.sent).toEqual([])
    await first.clock.advance(30 * SECOND)
    expect(second.sent).toEqual(['1'])
    expect(first.sent).toHaveLength(2)
  })

  it('of a channel that hangs does not hold up another channel’s', async () => {
    const hanging = new Promise<Carried>(() => {})
    const { clock, sent } = open({
      channels: [channel('one'), channel('two')],
      deliveries: [delivery('1'), delivery('2'), delivery('3', 'two'), delivery('4', 'two')],
      answer: (id) => (id === '1' ? hanging : { kind: 'delivered' }),
    })
    await clock.advance(HOUR)
    expect(sent).toEqual(['1', '3', '4'])
  })

  it('is not sent twice because it could not be written down that it has arrived', async () => {
    const store = inMemoryAlerts({ channels: [channel('one')], deliveries: [delivery('1')] })
    const forgetful: AlertStore = {
      ...store,
      async saveDelivery(next) {
        await store.saveDelivery(next)
        throw new Error('The disk is full.')
      },
    }
    const { clock, sent, log } = open({ store: forgetful })
    await clock.advance(HOUR)
    expect(sent).toEqual(['1'])
    expect(log.lines).toEqual(['error What came of an alert’s delivery could not be written down.'])
  })
})

describe('a channel in trouble', () => {
  it('is said once, shown as long as it lasts, and said once when it works again', async () => {
    let works = false
    const { clock, log, problems } = open({
      deliveries: [delivery('1'), delivery('2'), delivery('3')],
      answer: () => (works ? { kind: 'delivered' } : FAILED),
    })
    await clock.advance(5 * MINUTE)
    expect(log.lines).toEqual(['warn The alert channel "one" does not work: It answered 500.'])
    expect(problems()).toEqual([
      expect.stringMatching(
        /^The alert channel "one" has failed \d+ times in a row; "spillway alerts deliveries" says why\.$/,
      ),
    ])
    works = true
    await clock.advance(HOUR)
    expect(log.lines.slice(1)).toEqual(['info The alert channel "one" works again.'])
    expect(problems()).toEqual([])
  })

  it('is not spoken of any more when it is gone', async () => {
    const { clock, store, problems } = open({ deliveries: [delivery('1')], answer: () => FAILED })
    await clock.advance(1)
    expect(problems()).toHaveLength(1)
    await store.removeChannel('one')
    expect(problems()).toEqual([])
  })
})

interface Given {
  readonly store?: AlertStore
  readonly clock?: TickingClock
  readonly channels?: readonly AlertChannel[]
  readonly deliveries?: readonly Delivery[]
  readonly answer?: (id: string) => Carried | Promise<Carried>
  readonly chance?: number
}

/** A sender that is pumped every second, as the watcher does. */
function open({ channels = [channel('one')], deliveries = [], ...given }: Given) {
  const { clock = tickingClock(), store = inMemoryAlerts({ channels, deliveries }), chance = 0.5 } = given
  const { answer = (): Carried => ({ kind: 'delivered' }) } = given
  clock.setChance(chance)
  const log = memoryLog()
  const sent: string[] = []
  const sentAt: number[] = []
  const sender = createSender({
    store,
    courier: {
      async carry({ alert }) {
        sent.push(alert)
        sentAt.push(clock.now() - NOON)
        return answer(alert)
      },
    },
    secrets: OPEN,
    clock,
    log,
    retryMs: () => 10 * SECOND,
  })
  let isOver = false
  const pump = (): void => {
    if (isOver) return
    sender.pump()
    clock.after(SECOND, pump)
  }
  pump()
  const stop = async (): Promise<void> => {
    isOver = true
    await sender.stop()
    await calm()
  }
  return { clock, store, log, sent, sentAt, problems: sender.problems, stop }
}

const OPEN: SecretBox = {
  seal: (_purpose, _owner, text) => toSealedSecret(text),
  open: () => JSON.stringify({ kind: 'slack', url: 'https://hooks.example/' }),
}

const channel = (name: string): AlertChannel => ({
  id: name,
  name,
  kind: 'slack',
  isEnabled: true,
  config: toSealedSecret('sealed'),
  createdAt: NOON,
})

const delivery = (id: string, of = 'one'): Delivery => ({
  id,
  notice: {
    type: 'alert.fired',
    alert: id,
    rule: 'rule',
    kind: 'runway-below',
    severity: 'warning',
    message: 'The pool is safe for 10 min.',
    firedAt: NOON,
  },
  channel: of,
  channelName: of,
  state: 'waiting',
  attempts: 0,
  createdAt: NOON,
  at: later(NOON, 0),
  status: undefined,
  problem: undefined,
})

/** An alert store in memory, for tests that are not about databases: behaves as the real one does. */
import type { AlertChannel } from '../../src/core/alerts/channel.ts'
import type { Memory } from '../../src/core/alerts/evaluate.ts'
import type { AlertRule } from '../../src/core/alerts/rule.ts'
import type { AlertRecord, AlertStore, Delivery } from '../../src/core/ports/alerts.ts'

interface Beginning {
  readonly rules?: readonly AlertRule[]
  readonly channels?: readonly AlertChannel[]
  readonly deliveries?: readonly Delivery[]
}

export function inMemoryAlerts({ rules = [], channels = [], deliveries = [] }: Beginning): AlertStore {
  const ruleMap = byId(rules)
  const channelMap = byId(channels)
  const deliveryMap = byId(deliveries)
  const alerts = new Map<string, AlertRecord>()
  let memory: Memory = new Map()
  return {
    rules: () => [...ruleMap.values()],
    saveRule: async (rule) => void ruleMap.set(rule.id, rule),
    removeRule: async (id) => void ruleMap.delete(id),
    channels: () => [...channelMap.values()],
    saveChannel: async (channel) => void channelMap.set(channel.id, channel),
    removeChannel: async (id) => void channelMap.delete(id),
    memory: () => memory,
    open: () => [...alerts.values()].filter(({ resolvedAt }) => resolvedAt === undefined),
    async record(changes) {
      for (const alert of changes.alerts) alerts.set(alert.id, alert)
      for (const delivery of changes.deliveries) deliveryMap.set(delivery.id, delivery)
      memory = changes.memory
    },
    list: async ({ limit }) => [...alerts.values()].toReversed().slice(0, limit),
    get: async (id) => alerts.get(id),
    saveAlert: async (alert) => void alerts.set(alert.id, alert),
    waiting: () => [...deliveryMap.values()].filter(({ state }) => state === 'waiting'),
    saveDelivery: async (delivery) => void deliveryMap.set(delivery.id, delivery),
    listDeliveries: async ({ limit }) => [...deliveryMap.values()].toReversed().slice(0, limit),
    getDelivery: async (id) => deliveryMap.get(id),
    forget: async () => {},
  }
}

const byId = <T extends { readonly id: string }>(all: readonly T[]): Map<string, T> =>
  new Map(all.map((each) => [each.id, each]))

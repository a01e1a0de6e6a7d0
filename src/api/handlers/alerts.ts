/** The handlers of alerts: what was told, what came of it, and those of rules and channels. */
import { GatewayError } from '../../core/error.ts'
import { toAlertView, toDeliveryView } from '../alert-views.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { alertChannelHandlers, findChannel } from './alert-channels.ts'
import { alertRuleHandlers, findRule } from './alert-rules.ts'

type LogHandlers = Pick<
  Handlers,
  'listAlerts' | 'acknowledgeAlert' | 'listAlertDeliveries' | 'redeliverAlert'
>
type AlertHandlers = LogHandlers &
  ReturnType<typeof alertRuleHandlers> &
  ReturnType<typeof alertChannelHandlers>

export const alertHandlers = (services: Services): AlertHandlers => ({
  ...logHandlers(services),
  ...alertRuleHandlers(services),
  ...alertChannelHandlers(services),
})

function logHandlers(services: Services): LogHandlers {
  const { alerts, clock, newId } = services
  const { store } = alerts
  return {
    async listAlerts({ query: { limit, cursor, state, rule } }) {
      const found = await store.list({
        limit: limit + 1,
        ...(cursor === undefined ? {} : { before: cursor }),
        ...(state === undefined ? {} : { isOpen: state === 'open' }),
        ...(rule === undefined ? {} : { rule: findRule(services, rule).id }),
      })
      return { alerts: found.slice(0, limit).map(toAlertView), ...cursorOf(found, limit) }
    },
    async acknowledgeAlert({ params }, call) {
      // One that is open is in memory, as it is now.
      const alert = store.open().find(({ id }) => id === params.id) ?? (await store.get(params.id))
      if (alert === undefined) throw new GatewayError('not-found', `There is no alert ${params.id}.`)
      if (alert.acknowledgedAt !== undefined) return toAlertView(alert)
      const seen = { ...alert, acknowledgedAt: clock.now(), acknowledgedBy: call.caller.name }
      await store.saveAlert(seen)
      call.changed({ target: alert.ruleName, to: { acknowledgedBy: call.caller.name } })
      return toAlertView(seen)
    },
    async listAlertDeliveries({ query: { limit, cursor, channel, state } }) {
      const found = await store.listDeliveries({
        limit: limit + 1,
        ...(cursor === undefined ? {} : { before: cursor }),
        ...(state === undefined ? {} : { state }),
        ...(channel === undefined ? {} : { channel: findChannel(services, channel).id }),
      })
      return { deliveries: found.slice(0, limit).map(toDeliveryView), ...cursorOf(found, limit) }
    },
    async redeliverAlert({ params }, call) {
      const delivery = await store.getDelivery(params.id)
      if (delivery === undefined) throw new GatewayError('not-found', `There is no delivery ${params.id}.`)
      const now = clock.now()
      const again =
        delivery.state === 'waiting'
          ? delivery
          : { ...delivery, id: newId(), state: 'waiting' as const, attempts: 0, createdAt: now, at: now }
      call.changed({ target: delivery.channelName })
      return toDeliveryView(await alerts.attempt(again))
    },
  }
}

/** One more than asked for tells whether there is another page. */
function cursorOf(
  found: readonly { readonly id: string }[],
  limit: number,
): { readonly nextCursor?: string } {
  const last = found[limit - 1]
  return found.length > limit && last !== undefined ? { nextCursor: last.id } : {}
}

/** The handlers of alert rules: made, changed, muted, tried on the past. What fires is core/alerts. */
import { type AlertRule, type Condition, SCOPES_OF, type Scope } from '../../core/alerts/rule.ts'
import { GatewayError } from '../../core/error.ts'
import { later, readLength, SECOND } from '../../core/time.ts'
import type { AlertPreview } from '../alert-service.ts'
import { toPreviewView, toRuleView } from '../alert-views.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { keepFor } from '../keep-for.ts'
import type { Services } from '../services.ts'
import { badField } from './bad-field.ts'

type RuleHandlers = Pick<
  Handlers,
  | 'listAlertRules'
  | 'addAlertRule'
  | 'showAlertRule'
  | 'changeAlertRule'
  | 'removeAlertRule'
  | 'muteAlertRule'
  | 'previewAlertRule'
  | 'previewAlert'
>

/** A week takes a while to go through. */
const PREVIEW_KEPT_MS = 20 * SECOND

export function alertRuleHandlers(services: Services): RuleHandlers {
  const { clock, alerts } = services
  const view = (rule: AlertRule) => toRuleView(rule, services)
  const kept = keepFor<AlertPreview>(PREVIEW_KEPT_MS, clock)
  const previewOf = (rule: AlertRule, days: number) =>
    kept(JSON.stringify([rule.when, rule.scope, rule.cooldownMs, days]), () => alerts.preview(rule, days))
  return {
    listAlertRules: async () => ({ rules: alerts.store.rules().map(view) }),
    showAlertRule: async ({ params }) => view(findRule(services, params.id)),
    async addAlertRule({ body }, call) {
      assertRoom(services)
      const rule = toRule(body, services)
      await alerts.store.saveRule(rule)
      call.changed({ target: rule.name, to: view(rule) })
      return view(rule)
    },
    async changeAlertRule({ params, body }, call) {
      const rule = findRule(services, params.id)
      const changed = afterChange(rule, body, services)
      await alerts.store.saveRule(changed)
      call.changed({ target: rule.name, from: view(rule), to: view(changed) })
      return view(changed)
    },
    async removeAlertRule({ params }, call) {
      const rule = findRule(services, params.id)
      const last = view(rule)
      await alerts.store.removeRule(rule.id)
      call.changed({ target: rule.name, from: last })
      return last
    },
    async muteAlertRule({ params, body }, call) {
      const rule = findRule(services, params.id)
      const mutedUntil = body.for === null ? undefined : later(clock.now(), lengthOf(body.for))
      const changed = { ...rule, mutedUntil }
      await alerts.store.saveRule(changed)
      const { mutedUntil: from } = view(rule)
      const { mutedUntil: to } = view(changed)
      call.changed({ target: rule.name, from: { mutedUntil: from }, to: { mutedUntil: to } })
      return view(changed)
    },
    previewAlertRule: async ({ params, query }) =>
      toPreviewView(await previewOf(findRule(services, params.id), query.days)),
    previewAlert: async ({ body, query }) =>
      toPreviewView(await previewOf(toRule(body, services), query.days)),
  }
}

export function findRule({ alerts }: Services, idOrName: string): AlertRule {
  const all = alerts.store.rules()
  const rule = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (rule === undefined) throw new GatewayError('not-found', `There is no alert rule "${idOrName}".`)
  return rule
}

/** Each is looked at every few seconds. */
const MOST_RULES = 200

function assertRoom({ alerts }: Services): void {
  if (alerts.store.rules().length >= MOST_RULES)
    throw new GatewayError('conflict', `There are ${MOST_RULES} alert rules already. Remove one first.`)
}

type NewRule = Input<'addAlertRule'>['body']

function toRule(body: NewRule, services: Services): AlertRule {
  const { name, severity, enabled, cooldown, channels } = body
  const when = toCondition(body.when)
  return {
    id: services.newId(),
    name,
    when,
    scope: toScope(body.scope, when, services),
    severity,
    isEnabled: enabled,
    cooldownMs: lengthOf(cooldown),
    mutedUntil: undefined,
    channels: toChannels(channels, services),
    createdAt: services.clock.now(),
  }
}

function afterChange(rule: AlertRule, body: Input<'changeAlertRule'>['body'], services: Services): AlertRule {
  const when = body.when === undefined ? rule.when : toCondition(body.when)
  return {
    ...rule,
    name: body.name ?? rule.name,
    when,
    scope: checkedScope(body.scope === undefined ? rule.scope : toScope(body.scope, when, services), when),
    severity: body.severity ?? rule.severity,
    isEnabled: body.enabled ?? rule.isEnabled,
    cooldownMs: body.cooldown === undefined ? rule.cooldownMs : lengthOf(body.cooldown),
    channels: body.channels === undefined ? rule.channels : toChannels(body.channels, services),
  }
}

function toCondition(when: NewRule['when']): Condition {
  switch (when.kind) {
    case 'account-state':
      return { kind: when.kind, states: when.states, forMs: lengthOf(when.for) }
    case 'runway-below':
      return { kind: when.kind, ms: lengthOf(when.length) }
    case 'window-above':
    case 'window-reset':
      return { kind: when.kind, window: when.window, share: when.share }
    case 'error-rate':
      return { kind: when.kind, share: when.share, overMs: lengthOf(when.over), atLeast: when.atLeast }
    case 'cache-hit': {
      const { kind, below, fallsBy, over, atLeast } = when
      return { kind, below, fallsBy, overMs: lengthOf(over), atLeast }
    }
    case 'budget-above':
    case 'spend-above':
      return when
  }
}

/** Names become ids, so that another name changes nothing. */
function toScope(scope: NewRule['scope'], when: Condition, { accounts, keys }: Services): Scope {
  const { account, group, key, model } = scope
  return checkedScope(
    {
      ...(account === undefined ? {} : { account: idOf('account', accounts.all(), account) }),
      ...(group === undefined ? {} : { group }),
      ...(key === undefined ? {} : { key: idOf('key', keys.all(), key) }),
      ...(model === undefined ? {} : { model }),
    },
    when,
  )
}

function checkedScope(scope: Scope, { kind }: Condition): Scope {
  const wrong = Object.keys(scope).find((name) => !SCOPES_OF[kind].some((each) => each === name))
  if (wrong !== undefined)
    throw badField(`scope.${wrong}`, `A rule of the kind ${kind} is not of one ${wrong}.`)
  return scope
}

function idOf(
  what: 'account' | 'key' | 'channel',
  all: readonly { readonly id: string; readonly name: string }[],
  idOrName: string,
): string {
  const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (found !== undefined) return found.id
  throw badField(what === 'channel' ? 'channels' : `scope.${what}`, `There is no ${what} "${idOrName}".`)
}

const toChannels = (names: readonly string[] | null, { alerts }: Services): AlertRule['channels'] =>
  names === null ? undefined : names.map((name) => idOf('channel', alerts.store.channels(), name))

/** The schema has read it before. */
const lengthOf = (text: string): number => readLength(text) ?? 0

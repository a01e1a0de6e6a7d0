/**
 * The handlers of alert channels. What a channel has to know is sealed before it is stored and
 * never shown; who may make a command run is the owner alone.
 */
import { isLoopbackHost } from '../../core/access.ts'
import { type AlertChannel, type ChannelConfig, readChannelConfig } from '../../core/alerts/channel.ts'
import type { Notice } from '../../core/alerts/notice.ts'
import { GatewayError } from '../../core/error.ts'
import { toChannelView } from '../alert-views.ts'
import type { Call } from '../call.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { badField } from './bad-field.ts'

type ChannelHandlers = Pick<
  Handlers,
  'listAlertChannels' | 'addAlertChannel' | 'changeAlertChannel' | 'removeAlertChannel' | 'testAlertChannel'
>

type Needs = Pick<Services, 'alerts' | 'clock' | 'secrets' | 'newId'>

export function alertChannelHandlers(services: Needs): ChannelHandlers {
  const { alerts, clock, secrets } = services
  const { store } = alerts
  const view = (channel: AlertChannel) => toChannelView(channel, secrets)
  return {
    listAlertChannels: async () => ({ channels: store.channels().map(view) }),
    async addAlertChannel({ body }, call) {
      assertMay(body.config.kind, call)
      assertRoom(services)
      const config = toConfig(body.config, alerts.newSigningSecret)
      const id = services.newId()
      const channel: AlertChannel = {
        id,
        name: body.name,
        kind: config.kind,
        isEnabled: body.enabled,
        config: secrets.seal('alert-channel', id, JSON.stringify(config)),
        createdAt: clock.now(),
      }
      await store.saveChannel(channel)
      call.changed({ target: channel.name, to: view(channel) })
      return { ...view(channel), ...(config.kind === 'webhook' ? { signingSecret: config.secret } : {}) }
    },
    async changeAlertChannel({ params, body }, call) {
      const channel = findChannel(services, params.id)
      assertMay(channel.kind, call)
      const changed = {
        ...channel,
        name: body.name ?? channel.name,
        isEnabled: body.enabled ?? channel.isEnabled,
        config: body.config === undefined ? channel.config : resealed(channel, body.config, services),
      }
      await store.saveChannel(changed)
      call.changed({ target: channel.name, from: view(channel), to: view(changed) })
      return view(changed)
    },
    async removeAlertChannel({ params }, call) {
      const channel = findChannel(services, params.id)
      assertUnused(channel, services)
      const last = view(channel)
      await store.removeChannel(channel.id)
      call.changed({ target: channel.name, from: last })
      return last
    },
    async testAlertChannel({ params }) {
      const channel = findChannel(services, params.id)
      const { state, status, problem } = await alerts.attempt(testOf(channel, services))
      const ok = state === 'delivered'
      const message = problem ?? `The test has gone to "${channel.name}".`
      return { ok, status: status ?? null, message }
    },
  }
}

export function findChannel({ alerts }: Needs, idOrName: string): AlertChannel {
  const all = alerts.store.channels()
  const channel = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (channel === undefined) throw new GatewayError('not-found', `There is no alert channel "${idOrName}".`)
  return channel
}

/** A command runs as the gateway's own user: who may say which opens a door. */
function assertMay(kind: AlertChannel['kind'], { caller }: Call): void {
  if (kind === 'command' && caller.role !== 'owner') {
    throw new GatewayError('forbidden', 'Only somebody of the role owner may say which command is run.')
  }
}

const MOST_CHANNELS = 50

function assertRoom({ alerts }: Needs): void {
  if (alerts.store.channels().length >= MOST_CHANNELS)
    throw new GatewayError('conflict', `There are ${MOST_CHANNELS} alert channels already. Remove one first.`)
}

/** A rule whose only channel went away would tell nobody, without a word. */
function assertUnused({ id, name }: AlertChannel, { alerts }: Needs): void {
  const users = alerts.store.rules().filter(({ channels }) => channels?.includes(id) === true)
  if (users.length === 0) return
  const names = users.map((rule) => `"${rule.name}"`).join(', ')
  throw new GatewayError(
    'conflict',
    `The channel "${name}" is told by ${names}. Give those other channels first, or turn this one off.`,
  )
}

type GivenConfig = Input<'addAlertChannel'>['body']['config']

function toConfig(given: GivenConfig, newSecret: () => string): ChannelConfig {
  switch (given.kind) {
    case 'webhook':
      return { ...given, secret: newSecret() }
    case 'slack':
    case 'discord':
      return given
    case 'command':
      return given
    case 'ntfy': {
      const { kind, url, token } = given
      return { kind, url, ...(token === undefined ? {} : { token }) }
    }
    case 'email':
      return toEmail(given)
  }
}

function toEmail(given: Extract<GivenConfig, { readonly kind: 'email' }>): ChannelConfig {
  const { username, password, security, ...rest } = given
  if ((username === undefined) !== (password === undefined))
    throw badField('config.password', 'A user name goes with a password, and a password with a user name.')
  if (security === 'none' && password !== undefined && !isLoopbackHost(given.host))
    throw badField('config.security', 'A password goes out over tls or starttls only.')
  return {
    ...rest,
    security,
    ...(username === undefined || password === undefined ? {} : { username, password }),
  }
}

/** A webhook keeps its signing secret: its receiver knows it. */
function resealed(
  { id, kind, config: before }: AlertChannel,
  given: GivenConfig,
  { secrets }: Needs,
): AlertChannel['config'] {
  if (given.kind !== kind)
    throw badField('config.kind', `This channel is of the kind ${kind}; add another one for ${given.kind}.`)
  const known = readChannelConfig(secrets.open('alert-channel', id, before))
  const config = toConfig(given, () => (known.kind === 'webhook' ? known.secret : ''))
  return secrets.seal('alert-channel', id, JSON.stringify(config))
}

function testOf({ id, name }: AlertChannel, { clock, newId }: Needs) {
  const now = clock.now()
  const notice: Notice = {
    type: 'alert.test',
    alert: newId(),
    rule: 'test',
    kind: 'test',
    severity: 'info',
    message: `This is a test of the alert channel "${name}". Nothing is wrong.`,
    firedAt: now,
  }
  return {
    id: newId(),
    notice,
    channel: id,
    channelName: name,
    state: 'waiting',
    attempts: 0,
    createdAt: now,
    at: now,
    status: undefined,
    problem: undefined,
  } as const
}

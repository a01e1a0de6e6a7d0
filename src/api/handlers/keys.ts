/** The handlers of /api/keys and /api/me. A key's secret is in one answer only: the one that creates it. */
import type { ClientKey, KeyRules } from '../../core/access.ts'
import { GatewayError } from '../../core/error.ts'
import { readDate, readLength } from '../../core/time.ts'
import type { Call } from '../call.ts'
import { changedFields } from '../changed-fields.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { toKeyView } from '../key-views.ts'
import type { Services } from '../services.ts'

type KeyHandlers = Pick<
  Handlers,
  'listKeys' | 'createKey' | 'showKey' | 'changeKey' | 'revokeKey' | 'showOwnKey'
>

export function keyHandlers(services: Services): KeyHandlers {
  const { keys, clock } = services
  return {
    listKeys: async () => ({ keys: keys.all().map((key) => toKeyView(key, services)) }),
    async createKey({ body }, call) {
      if (keys.all().some(({ name }) => name === body.name)) {
        throw new GatewayError(
          'conflict',
          `There is a key called "${body.name}" already. Choose another name.`,
        )
      }
      const { secret, digest, hint } = services.newKey()
      const key: ClientKey = {
        id: services.newId(),
        name: body.name,
        digest,
        hint,
        createdAt: clock.now(),
        disabledAt: undefined,
        revokedAt: undefined,
        rules: rulesAfter({}, body),
      }
      await keys.add(key)
      call.changed({ target: key.name, to: told(key) })
      return { ...toKeyView(key, services), secret }
    },
    showKey: async ({ params }) => toKeyView(find(services, params.id), services),
    async changeKey({ params, body }, call) {
      const key = find(services, params.id)
      if (key.revokedAt !== undefined)
        throw new GatewayError('conflict', `The key "${key.name}" is revoked for good.`)
      const { disabledAt } = key
      const changed = await keys.change(key.id, {
        name: body.name ?? key.name,
        disabledAt: body.disabled === undefined ? disabledAt : disabledSince(body.disabled, key, clock.now()),
        rules: rulesAfter(key.rules, body),
      })
      call.changed({ target: key.name, ...changedFields(told(key), told(changed)) })
      return toKeyView(changed, services)
    },
    async revokeKey({ params }, call) {
      const key = find(services, params.id)
      const revoked = await keys.change(key.id, { revokedAt: key.revokedAt ?? clock.now() })
      call.changed({ target: key.name, ...changedFields(told(key), told(revoked)) })
      return toKeyView(revoked, services)
    },
    showOwnKey: async (_input, call) => toKeyView(ownKey(services, call), services),
  }
}

/** For the audit log: what can be changed about a key, and nothing of its secret. */
const told = ({ name, disabledAt, revokedAt, rules }: ClientKey): object => ({
  name,
  disabled: disabledAt !== undefined,
  revoked: revokedAt !== undefined,
  ...rules,
})

function ownKey({ keys }: Services, { caller }: Call): ClientKey {
  const key = keys.all().find(({ id }) => id === caller.keyId)
  if (key !== undefined) return key
  throw new GatewayError(
    'not-found',
    `This is the page of a client key, and ${caller.name} is none. Call it with the key, or see /api/keys.`,
  )
}

type RuleChange = Omit<Input<'changeKey'>['body'], 'name' | 'disabled'>

/** What is not named stays, null takes it back; of preferred models each for itself. */
function rulesAfter(before: KeyRules, { hold, expiresAt, models, ...change }: RuleChange): KeyRules {
  const said = Object.entries({
    ...change,
    ...modelsAfter(before, models),
    holdMs: typeof hold === 'string' ? (readLength(hold) ?? null) : hold,
    expiresAt: typeof expiresAt === 'string' ? (readDate(expiresAt) ?? null) : expiresAt,
  })
  const next = { ...before, ...Object.fromEntries(said.filter(([, value]) => value !== undefined)) }
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== null))
}

/** A list is what it may use, pairs are what is preferred; null takes back the one that is shown. */
function modelsAfter(before: KeyRules, change: RuleChange['models']) {
  if (change === undefined) return {}
  if (change === null) return before.models === undefined ? { allowedModels: null } : { models: null }
  if (Array.isArray(change)) return { allowedModels: change }
  const next = Object.entries({ ...before.models, ...change }).filter(([, model]) => model !== null)
  return { models: next.length === 0 ? null : Object.fromEntries(next) }
}

const disabledSince = (
  isDisabled: boolean,
  key: ClientKey,
  now: ClientKey['createdAt'],
): ClientKey['disabledAt'] => (isDisabled ? (key.disabledAt ?? now) : undefined)

function find({ keys }: Services, idOrName: string): ClientKey {
  const all = keys.all()
  const key = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (key === undefined) throw new GatewayError('not-found', `There is no key "${idOrName}".`)
  return key
}

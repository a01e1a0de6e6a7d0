/** The handlers of /api/keys. A key's secret is in one answer only: the one that creates it. */
import type { ClientKey, KeyRules } from '../../core/access.ts'
import { GatewayError } from '../../core/error.ts'
import { readLength } from '../../core/time.ts'
import { changedFields } from '../changed-fields.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { toKeyView } from '../views.ts'

type KeyHandlers = Pick<Handlers, 'listKeys' | 'createKey' | 'showKey' | 'changeKey' | 'revokeKey'>

export function keyHandlers(services: Services): KeyHandlers {
  const { keys, clock } = services
  return {
    listKeys: async () => ({ keys: keys.all().map(toKeyView) }),
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
      return { ...toKeyView(key), secret }
    },
    showKey: async ({ params }) => toKeyView(find(services, params.id)),
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
      return toKeyView(changed)
    },
    async revokeKey({ params }, call) {
      const key = find(services, params.id)
      call.changed({ target: key.name })
      return toKeyView(await keys.change(key.id, { revokedAt: key.revokedAt ?? clock.now() }))
    },
  }
}

/** Nothing of its secret. */
const told = ({ name, disabledAt, rules }: ClientKey): object => ({
  name,
  disabled: disabledAt !== undefined,
  ...rules,
})

/** What is not named stays, null takes it back; of models each for itself. */
function rulesAfter(
  before: KeyRules,
  change: Omit<Input<'changeKey'>['body'], 'name' | 'disabled'>,
): KeyRules {
  const { pool, class: ofClass, hold, runaway, models, payloads } = change
  const holdMs = typeof hold === 'string' ? (readLength(hold) ?? null) : hold
  const wanted = modelsAfter(before.models, models)
  const said = Object.entries({ pool, class: ofClass, holdMs, runaway, payloads, models: wanted })
  const next = { ...before, ...Object.fromEntries(said.filter(([, value]) => value !== undefined)) }
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== null))
}

function modelsAfter(before: KeyRules['models'], change: Input<'changeKey'>['body']['models']) {
  if (change === undefined || change === null) return change
  const next = Object.entries({ ...before, ...change }).filter(([, model]) => model !== null)
  return next.length === 0 ? null : Object.fromEntries(next)
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

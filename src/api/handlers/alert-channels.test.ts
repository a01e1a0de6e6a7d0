/** Who may say which command is run. */
import { expect, it } from 'bun:test'
import { inMemoryAlerts } from '../../../test/support/alerts.ts'
import { manualClock } from '../../../test/support/samples.ts'
import { type SealedSecret, toSealedSecret } from '../../core/account.ts'
import type { Role } from '../../core/role.ts'
import type { Call } from '../call.ts'
import type { Services } from '../services.ts'
import { alertChannelHandlers } from './alert-channels.ts'

const COMMAND = { name: 'c', enabled: true, config: { kind: 'command' as const, argv: ['true'] } }

it('an owner adds and changes a command, an operator neither', async () => {
  const { addAlertChannel, changeAlertChannel, testAlertChannel } = handlers()
  await expect(addAlertChannel({ body: COMMAND }, callOf('operator'))).rejects.toMatchObject({
    code: 'forbidden',
  })
  const { id } = await addAlertChannel({ body: COMMAND }, callOf('owner'))
  for (const body of [
    { config: { ...COMMAND.config, argv: ['false'] } },
    { name: 'other' },
    { enabled: false },
  ]) {
    const change = changeAlertChannel({ params: { id }, body }, callOf('operator'))
    await expect(change).rejects.toMatchObject({ code: 'forbidden' })
  }
  expect(
    await changeAlertChannel({ params: { id }, body: { name: 'other' } }, callOf('owner')),
  ).toMatchObject({
    name: 'other',
  })
  expect(await testAlertChannel({ params: { id } }, callOf('operator'))).toMatchObject({ ok: true })
})

it('an operator adds what goes to somebody else’s machine, and no audit line holds its address', async () => {
  const { addAlertChannel, changeAlertChannel, removeAlertChannel } = handlers()
  const changes: unknown[] = []
  const call: Call = { ...callOf('operator'), changed: (change) => void changes.push(change) }
  const config = { kind: 'webhook' as const, url: 'https://hooks.example/CANARY-path' }
  const created = await addAlertChannel({ body: { name: 'hook', enabled: true, config } }, call)
  expect(created.signingSecret).toBe('whsec_CANARY')
  const changed = await changeAlertChannel({ params: { id: created.id }, body: { config } }, call)
  expect(changed).not.toHaveProperty('signingSecret')
  await removeAlertChannel({ params: { id: created.id } }, call)
  expect(changes).toHaveLength(3)
  expect(JSON.stringify(changes)).not.toContain('CANARY')
})

function handlers() {
  const sealed = new Map<SealedSecret, string>()
  const store = inMemoryAlerts({})
  const services: Pick<Services, 'alerts' | 'clock' | 'secrets' | 'newId'> = {
    clock: manualClock(),
    newId: () => Bun.randomUUIDv7(),
    secrets: {
      seal(_purpose, _owner, text) {
        const key = toSealedSecret(`v1.${sealed.size}`)
        sealed.set(key, text)
        return key
      },
      open: (_purpose, _owner, key) => sealed.get(key) ?? '',
    },
    alerts: {
      store,
      attempt: async (delivery) => ({ ...delivery, state: 'delivered' }),
      problems: () => [],
      preview: async () => {
        throw new Error('Nobody asks for a preview here.')
      },
      newSigningSecret: () => 'whsec_CANARY',
    },
  }
  return alertChannelHandlers(services)
}

const callOf = (role: Role): Call => ({
  caller: { name: role, role, peer: '127.0.0.1' },
  origin: undefined,
  setCookie: () => {},
  changed: () => {},
})

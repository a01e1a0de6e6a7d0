/** The one place that says why an account cannot take a request, cooldown scopes included. */
import { describe, expect, it } from 'bun:test'
import {
  NOON,
  ownerOf,
  sampleAccount,
  sampleCooldown,
  sampleSituation,
  sampleView,
} from '../../test/support/samples.ts'
import { type Cooldown, HEALTHY } from './health.ts'
import { refusalOf } from './refusal.ts'
import type { AccountView, RequestFacts } from './situation.ts'
import { HOUR, later, MINUTE } from './time.ts'

const soon = later(NOON, MINUTE)
const late = later(NOON, HOUR)

describe('an account', () => {
  it('that is well takes every request', () => {
    expect(refusal(sampleView('a'))).toBeUndefined()
  })

  it('that is paused takes none', () => {
    expect(refusal(sampleView('a', { account: { pausedAt: NOON } }))).toMatchObject({ reason: 'paused' })
  })

  it('takes no request that names what another account’s organization owns', () => {
    expect(refusal(sampleView('a'), { owner: ownerOf('b') })).toMatchObject({ reason: 'not-the-owner' })
    expect(refusal(sampleView('a'), { owner: ownerOf('a') })).toBeUndefined()
  })

  it('that needs a login takes none, and says why', () => {
    expect(refusal(needingLogin('its grant is gone'))).toEqual({
      account: sampleAccount('a'),
      reason: 'needs-login',
      evidence: 'its grant is gone',
    })
  })

  it('that needs a login says that before anything that passes by itself', () => {
    const { health } = needingLogin('its grant is gone')
    const both = sampleView('a', { health: { ...health, cooldowns: [sampleCooldown()] }, probingSince: NOON })
    expect(refusal(both)).toMatchObject({ reason: 'needs-login' })
    const paused = { ...both, account: sampleAccount('a', { pausedAt: NOON }) }
    expect(refusal(paused)).toMatchObject({ reason: 'paused' })
    expect(refusal(both, { owner: ownerOf('b') })).toMatchObject({ reason: 'not-the-owner' })
  })

  it('of the owner’s organization takes a request for what the owner made', () => {
    const kin = sampleView('a', { organization: 'acme' })
    expect(refusal(kin, { owner: ownerOf('b', 'acme') })).toBeUndefined()
    expect(refusal(kin, { owner: ownerOf('b', 'other') })).toMatchObject({ reason: 'not-the-owner' })
    expect(refusal(kin, { owner: ownerOf('b') })).toMatchObject({ reason: 'not-the-owner' })
  })

  it('that cools takes none, and says from what, on which evidence and until when', () => {
    const spent = { cause: 'window-spent', evidence: 'its 5h window is spent (429)', until: soon } as const
    expect(refusal(cooling(spent))).toEqual({ account: sampleAccount('a'), reason: 'cooling', ...spent })
  })

  it('takes requests again from the very end of its cooldown on (G8)', () => {
    expect(refusal(cooling({ until: later(NOON, 1) }))).toBeDefined()
    expect(refusal(cooling({ until: NOON }))).toBeUndefined()
  })

  it('takes only one request while an expired cooldown is being tested (G8)', () => {
    expect(refusal({ ...cooling({ until: NOON }), probingSince: NOON })).toMatchObject({
      reason: 'probing',
      cause: 'window-spent',
    })
  })

  it('that is being tested for something else takes requests that its cooldown is not about', () => {
    const probing = {
      ...cooling({ until: NOON, scope: { kind: 'model', model: 'claude-opus-5' } }),
      probingSince: NOON,
    }
    expect(refusal(probing, { model: 'claude-sonnet-5-5' })).toBeUndefined()
  })

  it('names the cooldown that lasts longest', () => {
    const two = sampleView('a', {
      health: {
        ...HEALTHY,
        cooldowns: [
          sampleCooldown({ until: late, cause: 'family-spent', scope: { kind: 'family', family: 'sonnet' } }),
          sampleCooldown({ until: soon }),
        ],
      },
    })
    expect(refusal(two)).toMatchObject({ cause: 'family-spent', until: late })
  })

  it('is cooling, not being tested, while one of two cooldowns still runs', () => {
    const two = sampleView('a', {
      probingSince: NOON,
      health: {
        ...HEALTHY,
        cooldowns: [
          sampleCooldown({ until: NOON }),
          sampleCooldown({ until: soon, scope: { kind: 'model', model: 'claude-sonnet-5-5' } }),
        ],
      },
    })
    expect(refusal(two)).toMatchObject({ reason: 'cooling', until: soon })
  })
})

describe('a cooldown of a family', () => {
  const family = cooling({ scope: { kind: 'family', family: 'opus' } })

  it('holds for every model of the family, whatever its spelling', () => {
    expect(refusal(family, { model: 'claude-opus-5-5' })).toBeDefined()
    expect(refusal(family, { model: 'anthropic/claude-opus-4.8' })).toBeDefined()
  })

  it('does not hold for other families or for requests without a model', () => {
    expect(refusal(family, { model: 'claude-sonnet-5-5' })).toBeUndefined()
    expect(refusal(family, { model: undefined })).toBeUndefined()
  })
})

describe('a cooldown of a model', () => {
  const model = cooling({ scope: { kind: 'model', model: 'claude-opus-5-5' } })

  it('holds for that model only', () => {
    expect(refusal(model, { model: 'claude-opus-5-5' })).toBeDefined()
    expect(refusal(model, { model: 'claude-opus-5' })).toBeUndefined()
    expect(refusal(model, { model: undefined })).toBeUndefined()
  })

  it('holds for the same model under Claude Code’s mark, because the account is asked for the same', () => {
    expect(refusal(model, { model: 'claude-opus-5-5[1m]' })).toBeDefined()
  })

  it('holds for every name that the account’s mapping turns into that model', () => {
    const mapped = {
      ...model,
      account: sampleAccount('a', { modelMap: new Map([['fast', ['claude-opus-5-5']]]) }),
    }
    expect(refusal(mapped, { model: 'fast' })).toBeDefined()
  })

  it('does not hold for a name that the account’s mapping turns into another model', () => {
    const mapped = {
      ...model,
      account: sampleAccount('a', { modelMap: new Map([['claude-opus-5-5', ['glm-5']]]) }),
    }
    expect(refusal(mapped, { model: 'claude-opus-5-5' })).toBeUndefined()
  })
})

it('judges a family by the model that the account is really asked for', () => {
  const mapped = {
    ...cooling({ scope: { kind: 'family', family: 'haiku' } }),
    account: sampleAccount('a', { modelMap: new Map([['claude-opus-5-5', ['claude-haiku-5-5']]]) }),
  }
  expect(refusal(mapped, { model: 'claude-opus-5-5' })).toMatchObject({ reason: 'cooling' })
})

function refusal(which: AccountView, request: Partial<RequestFacts> = {}) {
  return refusalOf(which, sampleSituation({ request: { conversation: undefined, ...request } }))
}

function needingLogin(reason: string): AccountView {
  return sampleView('a', { health: { ...HEALTHY, login: { since: NOON, reason } } })
}

function cooling(change: Partial<Cooldown>): AccountView {
  return sampleView('a', { health: { ...HEALTHY, cooldowns: [sampleCooldown(change)] } })
}

/** Wrong parts in the place of right ones: one bug of each kind that the simulation has to find. */
import { toAccountId } from '../../src/core/account.ts'
import type { Failure } from '../../src/core/failure.ts'
import { nextStep } from '../../src/core/route.ts'
import type { AccountView, Situation } from '../../src/core/situation.ts'
import { DAY, later, MINUTE, type Millis } from '../../src/core/time.ts'
import type { Pool } from '../../src/proxy/pool.ts'
import type { InvariantName } from '../../src/simulation/invariants.ts'
import { MACHINERY, type Machinery } from '../../src/simulation/scenario.ts'

interface PlantedBug {
  readonly what: string
  readonly breaks: InvariantName
  readonly machinery: Machinery
}

type NextStep = Machinery['nextStep']

const withNextStep = (wrong: NextStep): Machinery => ({ ...MACHINERY, nextStep: wrong })

/** The real pool, told of failures as `wrong` changes them. */
const withFailures = (wrong: (failure: Failure, now: Millis) => Failure | undefined): Machinery => ({
  ...MACHINERY,
  createPool(options) {
    const pool = MACHINERY.createPool(options)
    const failed: Pool['failed'] = (id, failure, conversation) => {
      const changed = wrong(failure, options.clock.now())
      if (changed !== undefined) pool.failed(id, changed, conversation)
    }
    return new Proxy(pool, {
      get: (target, name) => (name === 'failed' ? failed : Reflect.get(target, name)),
    })
  },
})

const givenUp = (situation: Situation): ReturnType<NextStep> =>
  nextStep({ ...situation, accounts: [], policy: { ...situation.policy, patienceMs: -1 } })

const refusesTooEarly: NextStep = (situation) =>
  situation.failed.length > 0 ? givenUp(situation) : nextStep(situation)

const asIfWell = (view: AccountView): AccountView => ({
  ...view,
  health: { ...view.health, cooldowns: [] },
  probingSince: undefined,
})

const sendsToCooling: NextStep = (situation) =>
  nextStep({ ...situation, accounts: situation.accounts.map(asIfWell) })

const testsAllAtOnce: NextStep = (situation) =>
  nextStep({
    ...situation,
    accounts: situation.accounts.map((view) => ({ ...view, probingSince: undefined })),
  })

const CHEAPER = 'claude-haiku-4-5'

const changesTheModel: NextStep = (situation) => {
  const step = nextStep(situation)
  const isOpus = step.kind === 'send' && step.model?.includes('opus') === true
  return isOpus ? { ...step, model: CHEAPER } : step
}

const waitsForEver: NextStep = (situation) => {
  const step = nextStep(situation)
  if (step.kind !== 'give-up' || situation.accounts.length === 0) return step
  return { kind: 'wait', until: later(situation.now, MINUTE), cause: 'held', refusals: step.refusals }
}

/** As other gateways do with what comes without limits: a pause that nobody asked for. */
const benchesForTheRequest = ({ scope, ...failure }: Failure, now: Millis): Failure =>
  scope.kind === 'request' && failure.cause === 'request-refused'
    ? { ...failure, cause: 'throttled', scope: { kind: 'account' }, until: later(now, MINUTE) }
    : { ...failure, scope }

const benchesForPoison = (failure: Failure): Failure =>
  failure.cause === 'forbidden' || failure.cause === 'model-not-found'
    ? { ...failure, cause: 'billing' }
    : failure

const neverEnds = ({ until, ...failure }: Failure, now: Millis): Failure =>
  until === undefined ? failure : { ...failure, until: later(now, 18 * DAY) }

const blamesTheNeighbour: Machinery = {
  ...MACHINERY,
  createPool(options) {
    const pool = MACHINERY.createPool(options)
    const failed: Pool['failed'] = (id, failure, conversation) => {
      const other = pool.views().find(({ account }) => account.id !== id)
      pool.failed(other?.account.id ?? toAccountId(''), failure, conversation)
    }
    return new Proxy(pool, {
      get: (target, name) => (name === 'failed' ? failed : Reflect.get(target, name)),
    })
  },
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    what: 'a refusal after the first failure',
    breaks: 'no chance is missed',
    machinery: withNextStep(refusesTooEarly),
  },
  {
    what: 'a request sent to a cooling account',
    breaks: 'G8 cooling accounts rest',
    machinery: withNextStep(sendsToCooling),
  },
  {
    what: 'every waiting request as a test',
    breaks: 'G8 one test at a time',
    machinery: withNextStep(testsAllAtOnce),
  },
  {
    what: 'a pause for a refusal without limits',
    breaks: 'G7 fair blame',
    machinery: withFailures(benchesForTheRequest),
  },
  {
    what: 'a bench for a poisonous request',
    breaks: 'G7 fair blame',
    machinery: withFailures(benchesForPoison),
  },
  { what: 'a bench for the wrong account', breaks: 'G7 fair blame', machinery: blamesTheNeighbour },
  { what: 'a cooldown without end', breaks: 'G8 cooldowns expire', machinery: withFailures(neverEnds) },
  {
    what: 'a cheaper model without a word',
    breaks: 'G11 no silent substitution',
    machinery: withNextStep(changesTheModel),
  },
  {
    what: 'a second answer after a broken one',
    breaks: 'G2 one answer',
    machinery: {
      ...MACHINERY,
      isLast: (reply) => reply.kind !== 'failed' && !(reply.kind === 'answered' && reply.isTruncated),
    },
  },
  { what: 'a wait without end', breaks: 'waits end', machinery: withNextStep(waitsForEver) },
]

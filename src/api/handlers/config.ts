/** The handlers of /api/config and the strategies. */
import { GatewayError } from '../../core/error.ts'
import { nearest } from '../../core/similar.ts'
import { STRATEGIES } from '../../core/strategies.ts'
import type { Call } from '../call.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

type ConfigHandlers = Pick<
  Handlers,
  'showConfig' | 'changeConfig' | 'checkConfig' | 'showStrategy' | 'changeStrategy' | 'listStrategies'
>

const NAMES = STRATEGIES.map(({ name }) => name)

function hint(wanted: string): string {
  const near = nearest(wanted, NAMES)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

export function configHandlers({ config }: Services): ConfigHandlers {
  const show = (notes: readonly string[] = []): Answer<'showConfig'> => ({
    settings: config.views().map((view) => ({ ...view, isLocked: view.lockedBy !== undefined })),
    notes: [...notes],
  })
  /** What is shown of a secret is nothing, before and after. */
  const change = async (
    changes: Readonly<Record<string, unknown>>,
    call: Call,
  ): Promise<Answer<'showConfig'>> => {
    const before = new Map(config.views().map(({ name, value }) => [name, value]))
    const answer = show(await config.change(changes))
    for (const { name, value } of answer.settings)
      if (Object.hasOwn(changes, name)) call.changed({ target: name, from: before.get(name), to: value })
    return answer
  }
  return {
    showConfig: async () => show(),
    changeConfig: ({ body }, call) => change(body, call),
    checkConfig: async ({ body }) => ({
      findings: config.check(body.settings ?? {}).map((finding) => ({ ...finding })),
    }),
    showStrategy: async () => ({ strategy: config.strategy() }),
    async changeStrategy({ body }, call) {
      if (!STRATEGIES.some(({ name }) => name === body.strategy)) {
        const message = `There is no strategy "${body.strategy}". There are: ${NAMES.join(', ')}.${hint(body.strategy)}`
        throw new GatewayError('bad-request', message, { details: [{ path: 'strategy', message }] })
      }
      await change({ strategy: body.strategy }, call)
      return { strategy: config.strategy() }
    },
    listStrategies: async () => ({
      strategies: STRATEGIES.map(({ name, description }) => ({
        name,
        description,
        isActive: name === config.strategy(),
      })),
    }),
  }
}

/** The handlers of /api/config and the strategies. */
import { GatewayError } from '../../core/error.ts'
import { nearest } from '../../core/similar.ts'
import { STRATEGIES } from '../../core/strategies.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

type ConfigHandlers = Pick<
  Handlers,
  'showConfig' | 'changeConfig' | 'showStrategy' | 'changeStrategy' | 'listStrategies'
>

const NAMES = STRATEGIES.map(({ name }) => name)

function hint(wanted: string): string {
  const near = nearest(wanted, NAMES)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

export function configHandlers({ config }: Services): ConfigHandlers {
  const show = (notes: readonly string[] = []): Answer<'showConfig'> => ({
    settings: config.views().map((view) => ({ ...view })),
    notes: [...notes],
  })
  return {
    showConfig: async () => show(),
    changeConfig: async ({ body }) => show(await config.change(body)),
    showStrategy: async () => ({ strategy: config.strategy() }),
    async changeStrategy({ body }) {
      if (!STRATEGIES.some(({ name }) => name === body.strategy)) {
        const message = `There is no strategy "${body.strategy}". There are: ${NAMES.join(', ')}.${hint(body.strategy)}`
        throw new GatewayError('bad-request', message, { details: [{ path: 'strategy', message }] })
      }
      await config.change({ strategy: body.strategy })
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

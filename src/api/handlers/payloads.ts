/** The handlers of what is kept of bodies. */
import { GatewayError } from '../../core/error.ts'
import type { KeptPart, KeptPayload } from '../../core/ports/payloads.ts'
import { toIso } from '../../core/time.ts'
import type { Answer } from '../contract.ts'
import type { DownloadedFile, FileHandlers } from '../files.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

type PayloadHandlers = Pick<Handlers, 'showPayload' | 'forgetPayload' | 'payloadStorage' | 'forgetPayloads'>

export function payloadHandlers(services: Services): PayloadHandlers {
  const { payloads } = services
  return {
    showPayload: async ({ params }) => toPayloadView(await find(services, params.id)),
    async forgetPayload({ params }, call) {
      if (!(await payloads.forget(params.id))) throw nothingKept(params.id)
      call.changed({ target: params.id })
      return { forgotten: 1 }
    },
    payloadStorage: () => storage(services),
    async forgetPayloads(_, call) {
      const forgotten = await payloads.clear()
      call.changed({ from: forgotten, to: 0 })
      return { forgotten }
    },
  }
}

export function payloadFileHandlers(
  services: Services,
): Pick<FileHandlers, 'downloadRequestBody' | 'downloadAnswerBody'> {
  return {
    downloadRequestBody: async (id) => toFile(id, 'request', (await find(services, id)).request),
    downloadAnswerBody: async (id) => toFile(id, 'answer', (await find(services, id)).answer),
  }
}

async function find({ payloads }: Services, id: string): Promise<KeptPayload> {
  const payload = await payloads.read(id)
  if (payload === undefined) throw nothingKept(id)
  return payload
}

const nothingKept = (id: string): GatewayError =>
  new GatewayError(
    'not-found',
    `Nothing is kept of the bodies of a request ${id}. The setting payloads says what is kept, payloadRetentionDays and payloadBudgetBytes for how long.`,
  )

function toFile(id: string, side: 'request' | 'answer', part: KeptPart | undefined): DownloadedFile {
  if (part === undefined || (part.kept === 'nothing' && part.size > 0))
    throw new GatewayError('not-found', `Of the ${side} ${id} no body is kept.`)
  return { name: `${id}-${side}`, bytes: part.body }
}

async function storage({ payloads, config }: Services): Promise<Answer<'payloadStorage'>> {
  const { count, bytes, oldest, newest } = await payloads.summary()
  const { waiting, dropped, problem } = payloads.status()
  const settings = new Map(config.views().map(({ name, value }) => [name, Number(value)]))
  return {
    count,
    bytes,
    budgetBytes: settings.get('payloadBudgetBytes') ?? 0,
    retentionDays: settings.get('payloadRetentionDays') ?? 0,
    oldest: oldest === undefined ? null : toIso(oldest),
    newest: newest === undefined ? null : toIso(newest),
    waiting,
    dropped,
    ...(problem === undefined ? {} : { problem }),
  }
}

function toPayloadView(payload: KeptPayload): Answer<'showPayload'> {
  const { id, at, method, target, status, outcome, account, model, servedModel, request, answer } = payload
  return {
    ...{ id, at: toIso(at), method, target, status, outcome },
    account: account ?? null,
    model: model ?? null,
    servedModel: servedModel ?? null,
    request: toPartView(request),
    answer: answer === undefined ? null : toPartView(answer),
  }
}

function toPartView({ headers, size, kept, body, redactions, marks }: KeptPart) {
  return {
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    size,
    kept,
    ...toText(body, kept === 'beginning'),
    redactions: [...redactions],
    marks: [...marks],
  }
}

/** A beginning may end within a character, which then is left out here. */
function toText(
  body: Uint8Array,
  isCut: boolean,
): { readonly encoding: 'utf-8' | 'base64'; readonly body: string } {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return { encoding: 'utf-8', body: decoder.decode(body, { stream: isCut }) }
  } catch {
    return { encoding: 'base64', body: Buffer.from(body).toString('base64') }
  }
}

/**
 * What the simulated provider answers when nothing else was asked of it: messages streamed
 * or whole, token counts, the list of models, files and batches. Deterministic: equal
 * requests get equal answers. Pure.
 */
import type { Headers } from '../core/headers.ts'
import { readMessagesRequest } from '../dialects/messages/request.ts'
import type { SimulatedMessage } from './events.ts'
import { message, type Reply, refusal, stream, whole } from './replies.ts'
import type { Received } from './simulator.ts'

const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-haiku-4-5-20251001']

export const pathOf = ({ target }: Pick<Received, 'target'>): string => target.split('?')[0] ?? ''

/** `limits`: what the answer's head says of the account's limits; messages carry it. */
export function healthyReply(request: Received, limits: Headers = []): Reply {
  const path = pathOf(request)
  if (request.method === 'POST' && path === '/v1/messages') return inference(request, limits)
  if (request.method === 'POST' && path === '/v1/messages/count_tokens') {
    return whole(200, JSON.stringify({ input_tokens: Math.ceil(request.body.length / 4) }))
  }
  if (path === '/v1/models') return whole(200, modelList())
  const model = /^\/v1\/models\/(.+)$/.exec(path)?.[1]
  if (model !== undefined)
    return MODELS.includes(model) ? whole(200, JSON.stringify(modelEntry(model))) : unknown(path)
  return resources(request, path)
}

function inference(request: Received, limits: Headers): Reply {
  const read = readMessagesRequest(request.body)
  if (read === undefined) return refusal(400, 'invalid_request_error', 'The request body is not valid JSON.')
  const simulated = simulatedMessage(read.model ?? 'claude-sonnet-5-5', request)
  return read.isStream ? stream(simulated, [], limits) : message(simulated, limits)
}

export const simulatedMessage = (
  model: string,
  { number, body }: Pick<Received, 'number' | 'body'>,
): SimulatedMessage => ({
  id: `msg_${String(number).padStart(6, '0')}`,
  model,
  text: 'This is the simulated provider speaking.',
  usage: {
    inputTokens: Math.max(1, Math.ceil(body.length / 8)),
    outputTokens: 12,
    cacheReadTokens: Math.floor(body.length / 8),
  },
})

/** Created things carry an id with the number of the request that made them. */
function resources({ method, number }: Received, path: string): Reply {
  if (method === 'POST' && path === '/v1/files') {
    return whole(
      200,
      JSON.stringify({ id: `file_sim${number}`, type: 'file', filename: 'a.txt', size_bytes: 1 }),
    )
  }
  if (method === 'POST' && path === '/v1/messages/batches') {
    return whole(
      200,
      JSON.stringify({
        id: `msgbatch_sim${number}`,
        type: 'message_batch',
        processing_status: 'in_progress',
      }),
    )
  }
  const id = /^\/v1\/(?:files|messages\/batches)\/([a-z]+_\w+)/.exec(path)?.[1]
  return id === undefined ? unknown(path) : whole(200, JSON.stringify({ id, type: 'simulated' }))
}

const unknown = (path: string): Reply => refusal(404, 'not_found_error', `Not found: ${path}`)

const modelEntry = (id: string): object => ({
  type: 'model',
  id,
  display_name: id,
  created_at: '2026-09-22T00:00:00Z',
  lifecycle: 'active',
  max_input_tokens: 1_000_000,
  max_tokens: 128_000,
})

const modelList = (): string =>
  JSON.stringify({
    data: MODELS.map(modelEntry),
    has_more: false,
    first_id: MODELS[0],
    last_id: MODELS.at(-1),
  })

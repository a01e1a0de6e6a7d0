/** A webhook's signature, as Standard Webhooks has it. The library is loaded by the first one. */
import type { Headers } from '../../core/headers.ts'
import type { Millis } from '../../core/time.ts'

export async function signed(secret: string, id: string, now: Millis, body: string): Promise<Headers> {
  const { Webhook } = await import('standardwebhooks')
  const at = new Date(now)
  return [
    ['webhook-id', id],
    ['webhook-timestamp', String(Math.floor(at.getTime() / 1_000))],
    ['webhook-signature', new Webhook(secret).sign(id, at, body)],
  ]
}

/** How a handler refuses what stands in one field. Must not decide what is refused. */
import { GatewayError } from '../../core/error.ts'

/** `path` as people wrote it: "modelMap.opus". */
export const badField = (path: string, message: string): GatewayError =>
  new GatewayError('bad-request', message, { details: [{ path, message }] })

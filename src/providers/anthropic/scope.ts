/**
 * Whom an answer can speak about. Endpoints beside inference (token counts, files, …) have
 * limits and rights of their own, so their answers never speak about a model, a family or
 * the account's pace of inference (G7). Must not read an answer's words.
 */
import type { Scope } from '../../core/failure.ts'
import { familyOf } from '../../core/model.ts'
import type { ErrorAnswer } from '../provider.ts'

export const ACCOUNT: Scope = { kind: 'account' }
export const REQUEST: Scope = { kind: 'request' }

type Asked = Pick<ErrorAnswer, 'model' | 'isSide'>

export const modelScope = ({ model, isSide }: Asked): Scope =>
  model === undefined || isSide ? REQUEST : { kind: 'model', model }

export const familyScope = ({ model, isSide }: Asked): Scope =>
  model === undefined || isSide ? REQUEST : { kind: 'family', family: familyOf(model) }

export const paceScope = ({ isSide }: Asked): Scope => (isSide ? REQUEST : ACCOUNT)

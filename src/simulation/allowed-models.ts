/** Which models an account may be asked for, by the operator's own words: what G11 is judged by. */
import { familyOf, withoutContextMark } from '../core/model.ts'
import type { TraceAccount } from './trace.ts'

/** The operator's map for the model, its family or everything; where there is none, the model itself. */
export function allowedModels({ modelMap = {} }: TraceAccount, wanted: string): readonly string[] {
  const plain = withoutContextMark(wanted)
  return modelMap[wanted] ?? modelMap[plain] ?? modelMap[familyOf(plain)] ?? modelMap['*'] ?? [plain]
}

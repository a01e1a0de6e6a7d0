/** What the audit log is told of an account: what the operator said about it, and of its secrets only that they are others. */
import type { Account } from '../../core/account.ts'
import { type ChangedFields, changedFields } from '../changed-fields.ts'
import { definedOnly, toModelMapView } from '../views.ts'

export const toldAccount = (account: Account): object => {
  const { name, provider, baseUrl, priority, weight, tier, groups, models, maxConcurrent, planOnly } = account
  return {
    name,
    provider,
    ...definedOnly({ baseUrl }),
    ...{ priority, weight, tier, groups },
    modelMap: toModelMapView(account.modelMap),
    ...definedOnly({ models, maxConcurrent }),
    planOnly,
    paused: account.pausedAt !== undefined,
  }
}

export function accountChange(before: Account, after: Account): ChangedFields {
  const isNewCredential = before.secret !== after.secret
  const isNewNetwork = before.network !== after.network
  return changedFields(toldAccount(before), {
    ...toldAccount(after),
    ...(isNewCredential ? { credential: '(replaced)' } : {}),
    ...(isNewNetwork ? { network: '(replaced)' } : {}),
  })
}

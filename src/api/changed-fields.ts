/** What is different between two states of one thing, for the audit log. Must not be given a secret. */

export interface ChangedFields {
  readonly from: Readonly<Record<string, unknown>>
  readonly to: Readonly<Record<string, unknown>>
}

/** Only the fields that differ; one that is not there is null. */
export function changedFields(before: object, after: object): ChangedFields {
  const [old, young] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = [...new Set([...old.keys(), ...young.keys()])].filter(
    (name) => JSON.stringify(old.get(name)) !== JSON.stringify(young.get(name)),
  )
  const only = (values: ReadonlyMap<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(names.map((name) => [name, values.get(name) ?? null]))
  return { from: only(old), to: only(young) }
}

/**
 * Leaves out what is undefined, because an absent property and an undefined one are not the
 * same to who compares readings. Must not look into values.
 */

export type Given<Fields> = { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** The fields that have a value. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  const kept: { [Name in keyof Fields]?: Fields[Name] } = {}
  for (const name in fields) if (fields[name] !== undefined) kept[name] = fields[name]
  return kept as Given<Fields>
}

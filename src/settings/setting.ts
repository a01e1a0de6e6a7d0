/** What is said of one setting. Parsing only; where values come from is config.ts. */
export interface Setting<T> {
  readonly description: string
  readonly initial: T
  /** Names of other programs' variables that mean the same, besides SPILLWAY_<NAME>. */
  readonly aliases: readonly string[]
  /** A change through the API takes effect with the next request; otherwise with the next start. */
  readonly isHot: boolean
  /** From text or JSON; throws an Error that ends the sentence "The setting … …". */
  readonly parse: (input: unknown) => T
}

type Options<T> = Partial<Pick<Setting<T>, 'aliases' | 'isHot'>>

export const setting = <T>(
  description: string,
  initial: T,
  parse: Setting<T>['parse'],
  options: Options<T> = {},
): Setting<T> => ({
  description,
  initial,
  aliases: options.aliases ?? [],
  isHot: options.isHot ?? false,
  parse,
})

/** What is said of one setting. Parsing only; where values come from is config.ts. */
import type { Shape } from './shape.ts'

export interface Setting<T> {
  readonly description: string
  readonly initial: T
  /** Names of other programs' variables that mean the same, besides SPILLWAY_<NAME>. */
  readonly aliases: readonly string[]
  /** A change through the API takes effect with the next request; otherwise with the next start. */
  readonly isHot: boolean
  /** A flag of `serve` of its own; every setting can be given as `--set <name>=<value>`. */
  readonly flag: string | undefined
  /** What a number counts, where its name does not end in it. */
  readonly unit: string | undefined
  /** Its value is never shown, and never stored in the database: it comes from flag, environment or file. */
  readonly isSecret: boolean
  /** What of a secret may be shown all the same. */
  readonly shown: (value: T) => unknown
  /** From text or JSON; throws an Error that ends the sentence "The setting … …". */
  readonly parse: (input: unknown) => T
  /** How it is written in the configuration file. */
  readonly shape: Shape
}

/** A way to read a value, which may know its own shape. */
export type Reader<T> = ((input: unknown) => T) & { readonly shape?: Shape }

type Options<T> = Partial<Pick<Setting<T>, 'aliases' | 'isHot' | 'flag' | 'unit' | 'isSecret' | 'shown'>>

export const setting = <T>(
  description: string,
  initial: T,
  parse: Reader<T>,
  options: Options<T> = {},
): Setting<T> => ({
  description,
  initial,
  aliases: options.aliases ?? [],
  isHot: options.isHot ?? false,
  flag: options.flag,
  unit: options.unit,
  isSecret: options.isSecret ?? false,
  shown: options.shown ?? (options.isSecret === true ? veiled : withoutPassword),
  parse,
  shape: parse.shape ?? {},
})

const veiled = (value: unknown): string => (value === '' ? '' : '***')

/** Of a URL's credentials the user's name only (G5). */
export const withoutPassword = (value: unknown): unknown =>
  typeof value === 'string'
    ? value.replace(/^(\w+:\/\/[^:/?#@]*:).*@/, '$1***@').replace(/([?&]password=)[^&]*/, '$1***')
    : value

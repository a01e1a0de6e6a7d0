/**
 * Model names as routing needs them: which family a name belongs to, because providers
 * meter families apart. Must not decide what a model costs or whether it exists.
 */

export const FAMILIES: readonly string[] = ['fable', 'mythos', 'opus', 'sonnet', 'haiku']

export const isFamily = (name: string): boolean => FAMILIES.includes(name)

/** "sonnet" for any spelling of a Sonnet; for other vendors' models the name itself. */
export function familyOf(model: string): string {
  const name = model.toLowerCase()
  return FAMILIES.find((family) => name.includes(family)) ?? name
}

/**
 * Claude Code marks its long-context choice in the name of a Claude model; the provider
 * does not know the mark (`wire.md` §1.3). Other vendors have models really named so.
 */
export const withoutContextMark = (model: string): string =>
  model.endsWith(MARK) && model.startsWith('claude-') ? model.slice(0, -MARK.length) : model

const MARK = '[1m]'

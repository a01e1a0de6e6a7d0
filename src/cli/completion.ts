/** Completion scripts for shells, made from the tree of commands itself. */
import type { Command } from 'commander'

export const SHELLS: readonly string[] = ['bash', 'zsh', 'fish']

/** Undefined for a shell that there is no script for. */
export function completionScript(program: Command, shell: string): string | undefined {
  const tree = wordsByPath(program, [])
  switch (shell) {
    case 'bash':
      return bash(tree)
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(tree)}`
    case 'fish':
      return fish(program)
    default:
      return undefined
  }
}

type Tree = readonly (readonly [path: string, words: readonly string[]])[]

/** "accounts add" → its options; "accounts" → its commands. */
function wordsByPath(command: Command, path: readonly string[]): Tree {
  const words = [
    ...command.commands.map((each) => each.name()),
    ...command.options.flatMap(({ long }) => (long ? [long] : [])),
  ]
  return [
    [path.join(' '), words],
    ...command.commands.flatMap((each) => wordsByPath(each, [...path, each.name()])),
  ]
}

const bash = (tree: Tree): string => `_spillway() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="$path \${word}" ;; esac
  done
  path="\${path# }"
  case "$path" in
${tree.map(([path, words]) => `    "${path}") COMPREPLY=($(compgen -W "${words.join(' ')}" -- "\${COMP_WORDS[COMP_CWORD]}")) ;;`).join('\n')}
    *) COMPREPLY=() ;;
  esac
}
complete -o default -F _spillway spillway`

const fish = (program: Command): string =>
  program.commands
    .flatMap((command) => [
      `complete -c spillway -n __fish_use_subcommand -a ${command.name()} -d '${quoted(command.description())}'`,
      ...command.commands.map(
        (each) =>
          `complete -c spillway -n '__fish_seen_subcommand_from ${command.name()}' -a ${each.name()} -d '${quoted(each.description())}'`,
      ),
    ])
    .join('\n')

const quoted = (text: string): string => text.replaceAll("'", '’')

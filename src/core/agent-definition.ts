/** An agent that somebody has defined in a workspace (`.claude/agents/*.md`). Types only. */

export interface AgentDefinition {
  readonly name: string
  readonly description: string | undefined
  /** As its author asks for it: a model's name, or a word such as "haiku" or "inherit". */
  readonly model: string | undefined
  readonly tools: readonly string[] | undefined
  /** The directory that was configured, and the file within it. */
  readonly workspace: string
  readonly file: string
  /** How its prompt begins, as it stands in a request's JSON. */
  readonly opening: Uint8Array
}

/** Something in a workspace could not be used; a sentence for people. */
export interface AgentProblem {
  readonly workspace: string
  readonly message: string
}

export interface AgentFiles {
  readonly definitions: readonly AgentDefinition[]
  readonly problems: readonly AgentProblem[]
}

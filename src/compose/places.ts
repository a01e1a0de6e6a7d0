/** Where the data directory and the configuration file are: flag, variable, XDG base directory. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

export interface Places {
  readonly dataDirectory: string
  readonly configFile: string
  /** Somebody named the data directory on the command line: what only reads must find it there. */
  readonly isDataDirectoryNamed?: boolean
  /** Somebody named the configuration file, by a flag or a variable: then it has to be there. */
  readonly isConfigFileNamed?: boolean
}

export function findPlaces(
  flags: { readonly dataDir?: string | undefined; readonly config?: string | undefined },
  environment: Environment,
): Places {
  const dataHome = given(environment.XDG_DATA_HOME) ?? join(homedir(), '.local', 'share')
  const configHome = given(environment.XDG_CONFIG_HOME) ?? join(homedir(), '.config')
  return {
    dataDirectory: resolve(
      flags.dataDir ?? given(environment.SPILLWAY_DATA_DIR) ?? join(dataHome, 'spillway'),
    ),
    configFile: resolve(
      flags.config ?? given(environment.SPILLWAY_CONFIG) ?? join(configHome, 'spillway', 'config.json'),
    ),
    isDataDirectoryNamed: flags.dataDir !== undefined,
    isConfigFileNamed: (flags.config ?? given(environment.SPILLWAY_CONFIG)) !== undefined,
  }
}

const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

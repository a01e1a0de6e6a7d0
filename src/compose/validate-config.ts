/**
 * Everything that is wrong with the configuration, each finding with its place and what to
 * do: in the file and the environment, and, where a server runs, in the routing rules for
 * the accounts that it has. Changes nothing, and makes no data directory.
 */
import { createClient } from '../api/client.ts'
import { type Finding, misspeltVariables, resolveConfig } from '../config.ts'
import { messageOf } from '../core/error.ts'
import { readServerNote } from '../platform/data-directory.ts'
import { isSettingName, SETTINGS } from '../settings.ts'
import { connect } from './connect.ts'
import { isMissing, readConfigFile } from './foundation.ts'
import type { Places } from './places.ts'

type Environment = Readonly<Record<string, string | undefined>>
type ConfigFile = ReturnType<typeof readConfigFile>

export async function validateConfig(places: Places, environment: Environment): Promise<readonly Finding[]> {
  const { configFile: path } = places
  const { file, findings } = readFile(places)
  const here = [
    ...findings,
    ...resolveConfig({ flags: {}, environment, stored: new Map(), file }).findings,
    ...misspeltVariables(environment),
  ]
  if (readServerNote(places.dataDirectory) === undefined) return here
  const inFile = await askServer(places, environment, file)
  const known = new Set(here.map(({ message }) => message))
  return [
    ...here,
    ...inFile
      .filter(({ message }) => !known.has(message))
      .map(({ remedy = `Correct it in ${path}, or with "spillway config set".`, ...finding }) => ({
        ...finding,
        remedy,
      })),
  ]
}

function readFile(places: Places): { readonly file: ConfigFile; readonly findings: readonly Finding[] } {
  const { configFile: path } = places
  const file = { path, values: {} }
  if (isMissing(places)) {
    const remedy = 'Create it, or leave --config and SPILLWAY_CONFIG out.'
    return { file, findings: [{ path, message: 'There is no such file.', remedy }] }
  }
  try {
    return { file: readConfigFile(path), findings: [] }
  } catch (error) {
    const remedy = 'Write one JSON object of settings; comments are allowed.'
    return { file, findings: [{ path, message: messageOf(error), remedy }] }
  }
}

/** The file's values on top of what is in force there, against its accounts. Secrets are not sent. */
async function askServer(
  places: Places,
  environment: Environment,
  { values }: ConfigFile,
): Promise<readonly Finding[]> {
  const settings = Object.fromEntries(
    Object.entries(values).filter(([name]) => isSettingName(name) && !SETTINGS[name].isSecret),
  )
  const { transport, close } = await connect(places, environment)
  try {
    const { findings } = await createClient(transport).checkConfig({ body: { settings } })
    return findings
  } finally {
    await close()
  }
}

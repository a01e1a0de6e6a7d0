/** The words after `npm run bench --`, and what is run without any. */
import { parseArgs } from 'node:util'
import { isScenario, SCENARIO_NAMES, type ScenarioName } from './scenarios.ts'
import { isInstalled, isTarget, TARGET_NAMES, type TargetName } from './targets.ts'

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly leadSeconds: number
  readonly isQuick: boolean
  readonly label: string
  readonly proxyCore: number
  readonly loadCore: number
  readonly targets: readonly TargetName[]
  /** Asked for, and not there. */
  readonly missing: readonly TargetName[]
  readonly scenarios: readonly ScenarioName[]
  readonly seed: number
}

export const USAGE = `npm run bench -- [options]
  --rounds N       how often everything is measured (5; 2 with --quick)
  --seconds S      measured seconds of a phase (12; 3 with --quick)
  --quick          a short run to see that it works; its results are not for publishing
  --targets LIST   of ${TARGET_NAMES.join(', ')} (those that are installed)
  --scenarios LIST of ${SCENARIO_NAMES.join(', ')} (all)
  --cores P,L      the core of the proxies, and that of upstream and generator (0,1)
  --label WORDS    goes into the name of the results' file
  --seed N         of the order and of the arrival times (1)
  --help           this text`

/** Undefined: help was asked for. Throws with a sentence about what cannot be understood. */
export function readOptions(words: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      targets: { type: 'string', default: TARGET_NAMES.join() },
      scenarios: { type: 'string', default: SCENARIO_NAMES.join() },
      cores: { type: 'string', default: '0,1' },
      label: { type: 'string', default: 'loopback' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const targets = values.targets.split(',').map((name) => known(name, isTarget, TARGET_NAMES))
  const [proxyCore = 0, loadCore = 1] = values.cores.split(',').map((core) => number(core, 'cores', 0))
  return {
    rounds: number(values.rounds ?? (values.quick ? '2' : '5'), 'rounds', 1),
    seconds: number(values.seconds ?? (values.quick ? '3' : '12'), 'seconds', 1),
    leadSeconds: values.quick ? 1 : 2,
    isQuick: values.quick,
    label: values.label.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
    proxyCore,
    loadCore,
    targets: targets.filter(isInstalled),
    missing: targets.filter((name) => !isInstalled(name)),
    scenarios: values.scenarios.split(',').map((name) => known(name, isScenario, SCENARIO_NAMES)),
    seed: number(values.seed, 'seed', 0),
  }
}

function number(text: string, name: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new Error(`--${name} must be a whole number of at least ${least}, not "${text}".`)
}

function known<Name extends string>(
  name: string,
  isKnown: (name: string) => name is Name,
  names: readonly Name[],
): Name {
  if (isKnown(name)) return name
  throw new Error(`"${name}" is not one of ${names.join(', ')}.`)
}

/** Reads /metrics, which is how a test sees what goes on inside the gateway. */
import { eventually, type World } from './world.ts'

/** The sum of a family’s samples whose labels contain all of `labels` (`account="a"`); 0 without any. */
export async function measure(world: World, name: string, ...labels: readonly string[]): Promise<number> {
  const text = await (await world.admin('/metrics')).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** Resolves once that many client requests are under way. */
export const inFlight = (world: World, count: number): Promise<unknown> =>
  eventually(
    async () => (await measure(world, 'spillway_in_flight')) === count || undefined,
    `${count} requests in flight`,
  )

/** Resolves once an account has failed that many attempts with that cause. */
export const failedAttempts = (world: World, cause: string, count: number): Promise<unknown> =>
  eventually(
    async () => (await measure(world, 'spillway_attempts_total', `"${cause}"`)) >= count || undefined,
    `${count} attempts to fail with ${cause}`,
  )

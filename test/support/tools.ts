/**
 * Programs of the machine that some tests run. `npm test` installs them where it may; where
 * one is still missing its tests are left out, and that is said. In CI they are never left
 * out: there a missing program is a failure.
 */

const said = new Set<string>()

/** Whether tests that run this program are to run. */
export function hasTool(name: string): boolean {
  if (Bun.which(name) !== null || process.env.CI === 'true') return true
  if (!said.has(name)) process.stderr.write(`Tests that need ${name} are left out: it is not installed.\n`)
  said.add(name)
  return false
}

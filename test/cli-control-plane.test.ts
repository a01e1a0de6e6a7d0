/** `spillway dashboard`, `users` and `audit`: what people and scripts see of them, with a server and without. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { openPlace, type Place } from './support/command-line.ts'

let place: Place
afterEach(() => place.stop())

const PASSWORD = 'CANARY-correct-horse'
const addUser = (name: string, role: string, input = `${PASSWORD}\n`) =>
  place.run(['users', 'add', name, '--role', role, '--password-stdin'], { input })

describe('with a running server', () => {
  beforeEach(async () => {
    place = await openPlace(true)
  })

  it('the dashboard’s link is printed, and signs in once', async () => {
    const { code, out, err } = await place.run('dashboard --print')
    expect([code, err]).toEqual([0, 'The link works once, within ten minutes, for whoever has it.\n'])
    expect(out).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/sign-in#spl_[\w-]{43}\n$/)
    const [address = '', token] = out.trim().split('#')
    const use = () =>
      fetch(`${new URL(address).origin}/api/sign-in/link`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      })
    expect([(await use()).status, (await use()).status]).toEqual([200, 401])
  })

  it('the dashboard’s link is one for scripts too, and one where there is no browser', async () => {
    const [script, screenless] = [await place.run('dashboard --json'), await place.run('dashboard')]
    expect(script.json<object>()).toEqual({
      url: expect.stringContaining('/sign-in#spl_'),
      expiresAt: expect.any(String),
    })
    expect(screenless.out).toContain('/sign-in#spl_')
  })

  it('the dashboard’s link leads to where the operator says that the gateway is', async () => {
    await place.run('config set publicUrl https://gateway.example')
    expect((await place.run('dashboard --print')).out).toStartWith('https://gateway.example/sign-in#spl_')
  })

  it('what was changed is listed', async () => {
    await addUser('ann', 'owner')
    await place.run('config set strategy session')
    const people = await place.run('audit')
    expect(people.out).toMatch(/^WHEN +WHO +FROM +WHAT +ON +CHANGE\n/)
    expect(people.out).toMatch(/admin token +127\.0\.0\.1 +changeConfig +strategy +"affinity" → "session"/)
    const scripts = await place.run('audit --action addUser --limit 1 --json')
    expect(scripts.json<object>()).toEqual([
      expect.objectContaining({ action: 'addUser', target: 'ann', to: { role: 'owner' } }),
    ])
    expect((await place.run('audit --who nobody')).out).toBe('Nothing was changed.\n')
  })
})

describe.each([
  ['with a running server', true],
  ['without a server', false],
])('users, %s', (_where, isRunning) => {
  beforeEach(async () => {
    place = await openPlace(isRunning)
  })

  it('are added, listed, changed and removed', async () => {
    const added = await addUser('ann', 'owner')
    expect([added.code, added.out]).toEqual([0, 'ann may sign in with this password, as owner.\n'])
    await addUser('bob', 'viewer')
    const set = await place.run('users set bob --role owner --disable')
    expect([set.code, set.out]).toEqual([0, 'Changed the user bob.\n'])
    expect((await place.run('users list')).out).toMatch(
      /^NAME.*\nann +owner +active .*\nbob +owner +disabled /,
    )
    expect((await place.run('users remove ann --yes')).code).toBe(1)
    await place.run('users set bob --enable')
    const removed = await place.run('users remove ann --yes --json')
    expect([removed.code, removed.json<object>()]).toEqual([0, {}])
    expect((await place.run('users list --json')).json<object>()).toEqual([
      { id: expect.any(String), name: 'bob', role: 'owner', createdAt: expect.any(String) },
    ])
  })

  it('get a password from nobody’s command line', async () => {
    const [none, empty, short] = [
      await place.run('users add ann --role owner'),
      await addUser('ann', 'owner', ''),
      await addUser('ann', 'owner', 'short'),
    ]
    expect([none.code, none.err]).toEqual([2, 'A password is needed: hand it over with --password-stdin.\n'])
    expect([empty.code, empty.err]).toEqual([2, 'Standard input holds no password.\n'])
    expect([short.code, short.err]).toEqual([2, '"password": must have at least 12 characters.\n'])
    expect((await place.run('users list')).out).toContain('No user yet.')
  })

  it('that are not there are not found, and what says nothing changes nothing', async () => {
    expect((await place.run('users set nobody --role owner')).code).toBe(3)
    expect((await place.run('users remove nobody --yes')).code).toBe(3)
    expect((await place.run('users set nobody')).code).toBe(2)
    expect((await place.run('users set nobody --enable --disable')).code).toBe(2)
    expect((await addUser('ann', 'root')).code).toBe(2)
  })
})

describe('without a server', () => {
  beforeEach(async () => {
    place = await openPlace(false)
  })

  it('there is no dashboard to sign in to', async () => {
    await addUser('ann', 'owner')
    const { code, out, err } = await place.run('dashboard --print')
    expect([code, out, err]).toEqual([
      69,
      '',
      'No gateway is running here. Start one with "spillway serve".\n',
    ])
  })

  it('what commands changed is written down too', async () => {
    await addUser('ann', 'owner')
    expect((await place.run('audit --json')).json<object>()).toEqual([
      expect.objectContaining({ action: 'addUser', who: 'admin token', peer: 'local' }),
    ])
  })
})

/** Where things are: a flag before a variable before the XDG directories before home. */
import { describe, expect, it } from 'bun:test'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { findPlaces } from './places.ts'

describe('the data directory', () => {
  it.each<[string, Parameters<typeof findPlaces>[0], Parameters<typeof findPlaces>[1], string]>([
    ['the flag', { dataDir: '/flag' }, { SPILLWAY_DATA_DIR: '/variable', XDG_DATA_HOME: '/xdg' }, '/flag'],
    ['its variable', {}, { SPILLWAY_DATA_DIR: '/variable', XDG_DATA_HOME: '/xdg' }, '/variable'],
    ['the XDG data home', {}, { XDG_DATA_HOME: '/xdg' }, '/xdg/spillway'],
    ['the home directory', {}, {}, join(homedir(), '.local', 'share', 'spillway')],
    [
      'home when the variables are empty',
      {},
      { SPILLWAY_DATA_DIR: '', XDG_DATA_HOME: '' },
      join(homedir(), '.local', 'share', 'spillway'),
    ],
    ['the present directory for a relative path', { dataDir: 'here/data' }, {}, resolve('here/data')],
  ])('comes from %s', (_what, flags, environment, path) => {
    expect(findPlaces(flags, environment).dataDirectory).toBe(path)
  })
})

describe('the configuration file', () => {
  it.each<[string, Parameters<typeof findPlaces>[0], Parameters<typeof findPlaces>[1], string]>([
    ['the flag', { config: '/flag.json' }, { SPILLWAY_CONFIG: '/variable.json' }, '/flag.json'],
    ['its variable', {}, { SPILLWAY_CONFIG: '/variable.json', XDG_CONFIG_HOME: '/xdg' }, '/variable.json'],
    ['the XDG config home', {}, { XDG_CONFIG_HOME: '/xdg' }, '/xdg/spillway/config.json'],
    ['the home directory', {}, {}, join(homedir(), '.config', 'spillway', 'config.json')],
  ])('comes from %s', (_what, flags, environment, path) => {
    expect(findPlaces(flags, environment).configFile).toBe(path)
  })
})

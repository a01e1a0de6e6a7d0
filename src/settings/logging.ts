/** What is logged, how, and where it is kept. Declarations only. */
import { setting } from './setting.ts'
import { integer, logFormat, oneOf, text } from './values.ts'

export const LOGGING_SETTINGS = {
  logLevel: setting(
    'What is logged: debug, info, warn, error.',
    'info',
    oneOf('debug', 'info', 'warn', 'error'),
    {
      aliases: ['LOG_LEVEL'],
      isHot: true,
    },
  ),
  logFormat: setting('How it is logged: auto (text on a terminal), text, json.', 'auto', logFormat, {
    aliases: ['LOG_FORMAT'],
  }),
  logFile: setting(
    'A file that takes the log as well, as lines of JSON; relative to the data directory. Empty: none.',
    '',
    text,
  ),
  logFileBytes: setting(
    'The size at which a log file is put aside as <logFile>.1, and a new one begun.',
    10 << 20,
    integer(1_024),
    { isHot: true },
  ),
  logFiles: setting('How many log files that were put aside are kept.', 5, integer(0, 100), {
    isHot: true,
    unit: 'files',
  }),
} as const

import { pino } from 'pino';
import type { Clock } from '../lib/clock.ts';
import type { Redactor } from './redact.ts';
import { sanitize, sanitizeText } from './sanitize.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What varies about a log line. An `Error` at any depth is shown with stack and cause; secrets are masked. */
type Fields = Readonly<Record<string, unknown>>;

/** Writes log lines. The message is constant, everything that varies goes into fields. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds `fields` to each of its lines. A line's own field of the same name wins. */
  child(fields: Fields): Logger;
}

interface LoggerOptions {
  /** Less important lines are not written. */
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** Takes each finished line, its line end included. Called synchronously. */
  readonly write: (line: string) => void;
  /** Makes a line of JSON readable; without it lines stay JSON. See `loadPrettyLayout`. */
  readonly layout?: (line: string) => string;
}

/**
 * A logger of JSON lines: `{"level":"info","time":"2026-11-01T00:00:00.000Z","msg":"launched","pool":"default/a"}`.
 * Every key, text and number passes the redactor; records are bounded (see `sanitize`). Logging never throws.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { clock, redactor, layout } = options;
  const out = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => options.write(layout ? layout(line) : line) },
  );

  const at = (bound: Fields): Logger => {
    const write =
      (level: LogLevel) =>
      (message: string, fields: Fields = {}): void => {
        if (!out.isLevelEnabled(level)) return;
        out[level](reserved(sanitize({ ...bound, ...fields }, redactor)), sanitizeText(message, redactor));
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => at({ ...bound, ...fields }),
    };
  };
  return at({});
}

/** A field named like one of the line's own would make a key stand twice in the JSON: it gets a `_` behind it. */
function reserved(record: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record as Record<string, unknown>).map(([key, value]) => [
      key === 'level' || key === 'time' || key === 'msg' ? `${key}_` : key,
      value,
    ]),
  );
}

/**
 * Loads what makes log lines readable on a terminal. It costs time to load, so only those who look ask for it.
 * @param useColour whether to use ANSI colours
 */
export async function loadPrettyLayout(useColour: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({ colorize: useColour, translateTime: 'HH:MM:ss.l', errorLikeObjectKeys: ['error'] });
  return (line) => pretty(line) ?? line;
}

import { systemClock } from '../../src/lib/clock.ts';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';
import { createRedactor, type Redactor } from '../../src/telemetry/redact.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface LogCapture {
  readonly log: Logger;
  readonly redactor: Redactor;
  /** Everything logged so far, parsed. */
  readonly lines: readonly LogLine[];
  /** The same as text, as it would have been written. */
  readonly raw: readonly string[];
  /** The lines with this message. */
  of(message: string): readonly LogLine[];
}

/** A real logger, at level debug, that keeps what it writes. */
export function captureLog(redactor: Redactor = createRedactor()): LogCapture {
  const lines: LogLine[] = [];
  const raw: string[] = [];
  const write = (line: string): void => {
    raw.push(line);
    lines.push(JSON.parse(line));
  };
  return {
    log: createLogger({ level: 'debug', clock: systemClock, redactor, write }),
    redactor,
    lines,
    raw,
    of: (message) => lines.filter(({ msg }) => msg === message),
  };
}

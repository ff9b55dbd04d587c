/** Cuts a byte stream into lines. */
export interface LineSplitter {
  /**
   * Hands over each line that `chunk` completes, without its line feed. Stops early when `isOver` says so.
   * @throws {RangeError} when a line is longer than allowed; whatever `onLine` throws
   */
  push(chunk: Buffer): void;
  /** Bytes of a line that has not ended. */
  readonly pendingBytes: number;
}

const LINE_FEED = 0x0a;

/**
 * Lines are found as bytes and decoded whole: no byte of a longer UTF-8 character is a line feed, so a chunk may end anywhere.
 * @param maxBytes how long a line may be
 */
export function createLineSplitter(
  maxBytes: number,
  onLine: (line: string) => void,
  isOver: () => boolean,
): LineSplitter {
  let parts: Buffer[] = [];
  let pendingBytes = 0;
  const keep = (part: Buffer): void => {
    if (part.length === 0) return;
    pendingBytes += part.length;
    if (pendingBytes > maxBytes) throw new RangeError(`a line is longer than ${maxBytes} bytes`);
    parts.push(part);
  };

  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0 && !isOver(); end = chunk.indexOf(LINE_FEED, start)) {
        keep(chunk.subarray(start, end));
        const [only] = parts;
        const line = only && parts.length === 1 ? only : Buffer.concat(parts);
        parts = [];
        pendingBytes = 0;
        start = end + 1;
        onLine(line.toString('utf8'));
      }
      if (!isOver()) keep(chunk.subarray(start));
    },
    get pendingBytes() {
      return pendingBytes;
    },
  };
}

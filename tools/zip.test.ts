import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readZipEntry } from './zip.ts';

interface File {
  readonly name: string;
  readonly content: Buffer;
  readonly method?: number;
  readonly flags?: number;
}

/** An archive as APPNOTE.TXT describes it; the extra field differs in length between the two headers, as it may. */
function zipOf(files: readonly File[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content, method = 8, flags = 0 } of files) {
    const packed = method === 8 ? deflateRawSync(content) : content;
    const title = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(title.length, 26);
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(title.length, 28);
    entry.writeUInt16LE(9, 30);
    entry.writeUInt16LE(2, 32);
    entry.writeUInt32LE(at, 42);
    const whole = [local, title, Buffer.alloc(4), packed];
    parts.push(...whole);
    directory.push(entry, title, Buffer.alloc(9), Buffer.from('hi'));
    at += Buffer.concat(whole).length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return Buffer.concat([...parts, ...directory, end, Buffer.from(comment)]);
}

const text = (content: string): Buffer => Buffer.from(content);

describe('a file of a zip archive', () => {
  it('comes back as it was packed, deflated or stored, whatever lies around it', () => {
    const file = fc.record({
      content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      method: fc.constantFrom(0, 8),
    });
    const files = fc.dictionary(fc.stringMatching(/^[a-z/]{1,8}$/), file, { minKeys: 1, maxKeys: 5 });
    fc.assert(
      fc.property(files, fc.string({ maxLength: 40 }), (all, comment) => {
        const zip = zipOf(
          Object.entries(all).map(([name, rest]) => ({ name, ...rest })),
          comment,
        );
        for (const [name, { content }] of Object.entries(all)) {
          expect(readZipEntry(zip, name).equals(content)).toBe(true);
        }
      }),
    );
  });

  it('is found behind a comment that looks like the end of an archive', () => {
    const zip = zipOf(
      [{ name: 'a', content: text('one') }],
      'PK\x05\x06 is how an end begins, and then come more words',
    );
    expect(readZipEntry(zip, 'a').toString()).toBe('one');
  });

  it.each([
    ['no such file', zipOf([{ name: 'bin/helm', content: text('x') }]), 'zip: no file "a"; there is bin/helm'],
    ['an empty archive', zipOf([]), 'zip: no file "a"; there is nothing'],
    [
      'an archive cut short',
      zipOf([{ name: 'a', content: text('x') }]).subarray(0, -3),
      'zip: the end of the archive is missing',
    ],
    ['no archive at all', text('hello'), 'zip: the end of the archive is missing'],
    [
      'an unknown method',
      zipOf([{ name: 'a', content: text('x'), method: 93 }]),
      'zip: "a" is packed by method 93; only 0 and 8 are read',
    ],
    [
      'an encrypted file',
      zipOf([{ name: 'a', content: text('x'), flags: 1 }]),
      'zip: "a" is encrypted; only 0 and 8 are read',
    ],
  ])('is refused with a reason: %s', (_, zip, message) => {
    expect(() => readZipEntry(zip, 'a')).toThrow(message);
  });

  it('is refused when its content is not the one that was packed', () => {
    const zip = zipOf([{ name: 'a', content: text('precious'), method: 0 }]);
    const flipped = zip.indexOf('precious');
    zip.writeUInt8(zip.readUInt8(flipped) ^ 1, flipped);
    expect(() => readZipEntry(zip, 'a')).toThrow('zip: "a" is damaged');
  });
});

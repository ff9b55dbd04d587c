import type { JournalEntry } from '../journal.ts';

/** One line for people: world time, who or what, and how it ended. */
export function journalLine(entry: JournalEntry): string {
  const time = new Date(entry.at).toISOString().slice(11, 19);
  if (entry.kind === 'call') {
    const fault = entry.fault === undefined ? '' : ` [fault ${entry.fault}]`;
    const action = entry.action === '' ? '(no action)' : entry.action;
    const who = entry.secretId === '' ? 'nobody' : entry.secretId;
    const ids = entry.instanceIds.length > 0 ? ` ${entry.instanceIds.join(' ')}` : '';
    return `${time} ${who} calls ${action} in ${entry.region || 'no region'}: ${entry.result}${ids}${fault}`;
  }
  switch (entry.event) {
    case 'instance':
      return `${time} ${entry.id} ${entry.from} -> ${entry.to} (${entry.cause})`;
    case 'notice':
      return `${time} ${entry.id} will be reclaimed at ${entry.detail.slice(11, 19)}`;
    case 'stock':
      return `${time} stock of ${entry.id} is ${entry.detail}`;
    case 'balance':
      return `${time} balance of ${entry.id} is set to ${entry.detail}`;
    case 'price':
      return `${time} price of ${entry.id} is ${entry.detail}`;
    case 'arrears':
      return `${time} account ${entry.id} is below zero: ${entry.detail}`;
  }
}

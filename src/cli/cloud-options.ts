import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseConnectTo } from '../lib/egress-rules.ts';

/** The flags that say how the cloud is reached, the same for every command that calls it. */
export function addCloudOptions(command: Command): Command {
  return command
    .option('--tencent-endpoint <url>', 'where the API of Tencent Cloud is, for instance http://127.0.0.1:7070')
    .addOption(
      new Option('--tencent-site <site>', 'which of the two sites the account belongs to; sets endpoint and currency')
        .choices(['china', 'international'])
        .default('china'),
    )
    .addOption(
      new Option('--connect-to <host:port=host:port>', "connect to another address, as curl's flag; may be repeated")
        .argParser(addConnectTo)
        .default([], 'none'),
    )
    .option('--ca-bundle <file>', 'a PEM file of certificates to trust beside the usual ones')
    .addOption(
      new Option('--egress <mode>', 'loopback: refuse every connection that leaves this machine')
        .choices(['default', 'loopback'])
        .default('default'),
    );
}

function addConnectTo(value: string, before: readonly string[]): readonly string[] {
  const values = [...before, value];
  try {
    parseConnectTo(values);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return values;
}

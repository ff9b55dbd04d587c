import type { ScalarTag, Tags } from 'yaml';

/**
 * Which words stand for booleans and numbers, as Kubernetes reads them: YAML 1.1 without its sexagesimals and dates. So
 * `on` is true, `0100` is 64 and `1_000` is 1000 with `kubectl apply` and here. For `customTags` of reading and of writing:
 * texts that would be taken for something else are then put in quotes.
 * Source: go.yaml.in/yaml/v2, resolve.go.
 */
export function kubernetesWords(core: Tags): Tags {
  return [bool, number, ...core];
}

const YES = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const NO = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;

const bool: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: new RegExp(`${YES.source}|${NO.source}`),
  resolve: (text) => YES.test(text),
};

const number: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?|\.[0-9_]+(?:[eE][-+]?[0-9_]+)?)$/,
  resolve: (text) => toNumber(text.replaceAll('_', '')) ?? text,
};

const DECIMAL = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** A zero in front makes it octal, with or without an `o`. */
const WITH_BASE = /^([-+]?)0(?:([xX])([0-9a-fA-F]+)|([bB])([01]+)|[oO]?([0-7]+))$/;

/** `undefined` for a text that only begins like a number. */
function toNumber(text: string): number | undefined {
  const based = WITH_BASE.exec(text);
  if (based !== null) {
    const [, sign, x, hex, b, binary, octal = ''] = based;
    const digits = x ? `0x${hex}` : b ? `0b${binary}` : `0o${octal}`;
    return sign === '-' ? -Number(digits) : Number(digits);
  }
  return DECIMAL.test(text) ? Number(text) : undefined;
}

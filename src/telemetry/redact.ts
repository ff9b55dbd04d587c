/** What stands where a secret stood. Shorter than anything that can be learned, so it never hides a secret itself. */
export const MASK = '***';

/** Shorter values are words, placeholders (`xxx`) or mistakes: masking them would garble every line and hide nothing. */
const MIN_SECRET_LENGTH = 6;
/** Values remembered per process; the one learned longest ago gives way. A value learned again counts as new. */
const MAX_SECRETS = 1024;

/** Hides secrets in text: those that it was told of, wherever they stand, and those that it knows by their looks. */
export interface Redactor {
  /**
   * Remembers an exact secret value. It, and its base64, URL and JSON spellings, are masked from then on. Values under
   * six characters are ignored; at most 1,024 are kept.
   */
  learn(value: string): void;
  /** `text` without any secret. */
  text(text: string): string;
}

interface Pattern {
  readonly find: RegExp;
  readonly replace: string;
}

/** A name that ends like that of a secret, in any of the usual spellings: `SECRET_KEY`, `llmToken`, `x-api-key`. */
const NAME =
  '\\b([\\w-]{0,40}?(?:secret[_-]?(?:access[_-]?)?(?:key|id)|secret|pass(?:word|wd|phrase)|api[_-]?key|access[_-]?key|(?<!client_?)token))';

/** Secrets known by their looks. Where a quantifier could backtrack it is bounded, so that no text makes them slow. */
const patterns: readonly Pattern[] = [
  {
    find: /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    replace: MASK,
  },
  {
    find: /TC3-HMAC-SHA256\s+Credential=[^\s"']*(?:\s*(?:SignedHeaders|Signature)=[^\s"']*)*/g,
    replace: `TC3-HMAC-SHA256 ${MASK}`,
  },
  // A Tencent SecretId is AKID and 32 characters; temporary ones are longer.
  { find: /\bAKID[A-Za-z0-9_-]{8,}/g, replace: `AKID${MASK}` },
  { find: /\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{6,}/gi, replace: `$1$2${MASK}` },
  { find: /\b(sk|ragflow)-[A-Za-z0-9_-]{12,}/g, replace: `$1-${MASK}` },
  // Whoever knows the address of a Feishu or Lark bot can write to its group.
  { find: /(\/open-apis\/bot\/v2\/hook\/)[A-Za-z0-9-]+/g, replace: `$1${MASK}` },
  { find: /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@"']+@/gi, replace: `$1${MASK}@` },
  {
    find: /([?&][^=&#\s"']{0,40}(?:token|secret|password|signature|key)[^=&#\s"']{0,40}=)[^&#\s"']+/gi,
    replace: `$1${MASK}`,
  },
  { find: new RegExp(`${NAME}(=["']?)[^\\s"',;&{}[\\]]{3,}`, 'gi'), replace: `$1$2${MASK}` },
  { find: new RegExp(`${NAME}(\\\\?["']?\\s{0,3}:\\s{0,3}\\\\?["'])[^"'\\\\]{3,}`, 'gi'), replace: `$1$2${MASK}` },
  // Without quotes it may be prose ("secretKey: must not be empty"): only what has a digit looks like a secret.
  { find: new RegExp(`${NAME}(:\\s{0,3})(?=[^\\s"',;]{0,200}\\d)[^\\s"',;]{6,}`, 'gi'), replace: `$1$2${MASK}` },
];

/** A redactor that knows the patterns and, so far, no value. */
export function createRedactor(): Redactor {
  const learned = new Map<string, readonly string[]>();
  let longestFirst: readonly string[] = [];

  return {
    learn(value) {
      const secret = value.trim();
      if (secret.length < MIN_SECRET_LENGTH) return;
      const isNew = !learned.delete(secret);
      learned.set(secret, spellings(secret));
      if (learned.size > MAX_SECRETS) learned.delete(learned.keys().next().value ?? '');
      if (isNew) longestFirst = [...learned.values()].flat().toSorted((a, b) => b.length - a.length);
    },
    text(text) {
      let clean = text;
      for (const secret of longestFirst) if (clean.includes(secret)) clean = clean.replaceAll(secret, MASK);
      for (const { find, replace } of patterns) clean = clean.replace(find, replace);
      return clean;
    },
  };
}

/** The forms in which a secret travels: as it is, in JSON, in a URL, in a Secret manifest. */
function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    // A lone surrogate has no URL form.
    ...(secret.isWellFormed() ? [encodeURIComponent(secret)] : []),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
  return [...new Set(forms)];
}

/** Keys whose value is a secret whatever it is. */
const SECRET_KEY =
  /secret|password|passwd|passphrase|authorization|cookie|credential|apikey|accesskey|privatekey|signingkey|webhook/;
/** Keys whose text is a secret; a number is a count of an LLM's tokens. */
const TOKEN_KEY = /token$/;
/** Names of where a secret is kept, and the idempotency token of a purchase, are no secrets. */
const HARMLESS_KEY = /(?:ref|name|clienttoken)$/;

/** Whether the value of a field must not be shown, judged by the name of the field: `secretKey`, `llm_token`, `X-Api-Key`. */
export function isSecretField(name: string, value: unknown): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (value === undefined || value === null || typeof value === 'boolean' || HARMLESS_KEY.test(plain)) return false;
  return SECRET_KEY.test(plain) || (TOKEN_KEY.test(plain) && typeof value !== 'number');
}

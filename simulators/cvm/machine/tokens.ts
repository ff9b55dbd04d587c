/** A message of a chat, as both APIs send it. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/** `<|im_start|>ROLE\n` and `<|im_end|>\n` around each message, and the opening of the answer. */
const MESSAGE_TOKENS = 5;
const OPENING_TOKENS = 3;
/** Longer words are several tokens to every vocabulary; this is where the simulated one cuts. */
const LONGEST_WORD = 12;

const PIECES =
  /'(?:s|t|re|ve|m|ll|d)(?!\p{L})|\p{Script=Han}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;
const WORD_PARTS = new RegExp(`.{1,${LONGEST_WORD}}`, 'gsu');

/**
 * Cuts a text into the pieces that a model of the Qwen2 family counts as tokens: close for English, digits and JSON (each
 * digit is one), one a character for Chinese. Joined they are the text again.
 */
export function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (const [piece] of text.matchAll(PIECES)) {
    if (piece.length <= LONGEST_WORD) tokens.push(piece);
    else tokens.push(...(piece.match(WORD_PARTS) ?? []));
  }
  return tokens;
}

/** Tokens of the whole prompt, the template around the messages included. */
export function countPrompt(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + MESSAGE_TOKENS + tokenize(content).length, OPENING_TOKENS);
}

/**
 * Drops the oldest messages until the rest fits the window, as Ollama does without a word. System messages and the last
 * message always stay, so the result may still be too long.
 */
export function fitMessages(messages: readonly Message[], window: number): readonly Message[] {
  const last = messages.length - 1;
  let kept = messages.slice(Math.max(0, last));
  for (let first = last; first >= 0; first -= 1) {
    const system = messages.slice(0, first).filter(({ role }) => role === 'system');
    const candidate = [...system, ...messages.slice(first)];
    if (first < last && countPrompt(candidate) > window) break;
    kept = candidate;
  }
  return kept;
}

/** Ids of the chat template's tokens. Source: the recordings' `context` arrays. */
const USER_OPENING = [151644, 872, 198];
const ANSWER_OPENING = [151645, 198, 151644, 77091, 198];
/** The vocabulary's size without the special tokens; ids of unknown pieces are drawn below it. */
const VOCABULARY = 151_643;
/** The ids that the recordings show. Every other piece gets a made-up one, always the same for the same piece. */
const KNOWN_IDS: Readonly<Record<string, number>> = {
  Say: 45764,
  ' hi': 15588,
  '.': 13,
  Hi: 13048,
  '!': 0,
  ' How': 2585,
  ' can': 646,
  ' I': 358,
  ' assist': 7789,
};

/** The `context` that `/api/generate` hands back: ids of prompt and answer, the prompt cut to `window` as it was read. */
export function contextIds(prompt: string, answer: readonly string[], window: number): number[] {
  const asked = [...USER_OPENING, ...tokenize(prompt).map(tokenId), ...ANSWER_OPENING];
  return [...asked.slice(0, window), ...answer.map(tokenId)];
}

function tokenId(piece: string): number {
  return KNOWN_IDS[piece] ?? hash(piece) % VOCABULARY;
}

/** FNV-1a, 32 bits: spreads texts evenly, the same in every run. */
export function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return state >>> 0;
}

/** An answer that is an error: Ollama's text, to be sent with `status`. */
export class OllamaError extends Error {
  override readonly name = 'OllamaError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

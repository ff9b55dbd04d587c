/** Languages of error messages; `X-TC-Language` chooses. */
export type Language = 'zh-CN' | 'en-US';

/** An answer of the API that is an error: HTTP 200 with `Response.Error`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly texts: Readonly<Record<Language, string>>;
  constructor(code: string, english: string, chinese: string) {
    super(`${code}: ${english}`);
    this.code = code;
    this.texts = { 'en-US': english, 'zh-CN': chinese };
  }
}

/** Refuses a value, naming the field. */
export function invalid(code: string, field: string, value: unknown, allowed: string, chinese: string): ApiError {
  const shown = JSON.stringify(value);
  return new ApiError(
    code,
    `The value ${shown} of parameter \`${field}\` is not valid: ${allowed}.`,
    `参数\`${field}\`的取值${shown}不合法：${chinese}。`,
  );
}

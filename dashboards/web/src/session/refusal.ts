// Why somebody does not get in, or keeps the password that he has, in words.

import { ApiError } from '../api/client'
import { t } from '../words/language'

/** `words`: what a status means here. */
export function refusal(error: unknown, words: (error: ApiError) => string | null): string {
  if (!(error instanceof ApiError)) return t('session.failed', { reason: String(error) })
  if (error.status === 0) return t('session.unreachable')
  if (error.status === 429) return t('session.wait', { seconds: Math.max(1, Math.ceil(error.retryAfterS)) })
  return words(error) ?? t('session.failed', { reason: error.detail })
}

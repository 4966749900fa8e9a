// Reasons of a verification: the server's own table of codes and words, asked for once.

import { shallowRef } from 'vue'

import * as api from '../api/client'
import type { VerificationReason } from '../api/types'
import { language } from '../words/language'

export const reasons = shallowRef<VerificationReason[]>([])

export async function loadReasons(): Promise<void> {
  if (reasons.value.length > 0) return
  reasons.value = (await api.verificationReasons()).reasons
}

/** A code in words; a text that is no code stays as it is. */
export function reasonText(code: string): string {
  const known = reasons.value.find((one) => one.code === code)
  return known === undefined ? code : known[language.value]
}

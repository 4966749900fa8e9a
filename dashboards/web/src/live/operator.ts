// Who sits at this computer: who is signed in. Where nobody has to sign in, the name is asked once, remembered here and
// sent with every action.

import { ref } from 'vue'

import { account } from './session'

const STORED = 'campuswatch.operator'

export const operator = ref(localStorage.getItem(STORED) ?? '')
/** True while the dialog is open. */
export const asking = ref(false)

let waiting: ((name: string | null) => void)[] = []

export function askOperator(): Promise<string | null> {
  asking.value = true
  return new Promise((resolve) => waiting.push(resolve))
}

/** The name, asked for if it is not known yet; null when the person turned away. */
export async function operatorName(): Promise<string | null> {
  if (account.value !== null) return account.value.name
  return operator.value === '' ? askOperator() : operator.value
}

export function answerOperator(name: string | null): void {
  if (name !== null) {
    operator.value = name
    localStorage.setItem(STORED, name)
  }
  asking.value = false
  const answered = waiting
  waiting = []
  answered.forEach((resolve) => resolve(name))
}

// A change that a person makes: by name, told when done, told when refused.

import { t } from '../words/language'
import { tellDone, tellError } from './notices'
import { operatorName } from './operator'

/** True when it was done. */
export async function doing(work: (actor: string) => Promise<unknown>, done = t('handling.done')): Promise<boolean> {
  const actor = await operatorName()
  if (actor === null) return false
  try {
    await work(actor)
    tellDone(done)
    return true
  } catch (error) {
    tellError(error)
    return false
  }
}

// Accounts, their sessions and tokens: of everybody for administrators, and one's own.

import { call, get } from '../api/client'
import type { Time } from '../api/types'
import type { Role } from '../live/session'

const part = encodeURIComponent

export interface AccountFacts {
  name: string
  role: Role
  /** null: every site. */
  sites: string[] | null
  language: 'zh' | 'en'
  /** At the OpenID Connect provider; empty: none. */
  subject: string
}

export interface AccountView extends AccountFacts {
  account: string
  has_password: boolean
  one_time_until: Time | null
  disabled_at: Time | null
  held_until: Time | null
  made_at: Time
  made_by: string
  last_seen_at: Time | null
  sessions: number
  tokens: number
}

export interface SessionView {
  session_no: number
  how: 'password' | 'provider'
  made_at: Time
  seen_at: Time
  expires_at: Time
  address: string
  agent: string
  this: boolean
}

export interface TokenView {
  token_no: number
  account: string
  name: string
  permissions: string[] | null
  made_at: Time
  made_by: string
  expires_at: Time
  used_at: Time | null
  revoked_at: Time | null
}

export interface TokenFacts {
  name: string
  days: number
  permissions: string[] | null
}

export interface OneTime {
  account: AccountView
  one_time_password: string | null
}

export interface NewToken {
  token: TokenView
  secret: string
}

export interface RoleView {
  role: Role
  permissions: string[]
}

export const accounts = () => call<{ items: AccountView[]; provider: boolean }>('GET', '/accounts')
export const roles = async () => (await call<{ items: RoleView[] }>('GET', '/roles')).items
export const add = (account: string, password: boolean, facts: AccountFacts) =>
  call<OneTime>('POST', '/accounts', { ...facts, account, password })
export const change = (account: string, facts: AccountFacts) =>
  call<AccountView>('PUT', `/accounts/${part(account)}`, facts)
export const turn = (account: string, verb: 'disable' | 'enable' | 'unlock') =>
  call<AccountView>('POST', `/accounts/${part(account)}/${verb}`)
export const reset = (account: string) => call<OneTime>('POST', `/accounts/${part(account)}/password`)

/** Where sessions and tokens are: an account's, or one's own. */
export interface Holder {
  sessions: () => Promise<SessionView[]>
  endSession: (number: number) => Promise<unknown>
  endSessions: () => Promise<unknown>
  tokens: () => Promise<TokenView[]>
  addToken: (facts: TokenFacts) => Promise<NewToken>
  revokeToken: (number: number) => Promise<unknown>
}

function holder(root: string, tokens: () => Promise<{ items: TokenView[] }>, token: string): Holder {
  return {
    sessions: async () => (await call<{ items: SessionView[] }>('GET', `${root}/sessions`)).items,
    endSession: (number) => call('DELETE', `${root}/sessions/${number}`),
    endSessions: () => call('DELETE', `${root}/sessions`),
    tokens: async () => (await tokens()).items,
    addToken: (facts) => call('POST', `${root}/tokens`, facts),
    revokeToken: (number) => call('DELETE', `${token}/${number}`),
  }
}

export const own: Holder = holder('/session', () => call('GET', '/session/tokens'), '/session/tokens')
export const of = (account: string): Holder =>
  holder(`/accounts/${part(account)}`, () => get('/tokens', { account_id: account }), '/tokens')

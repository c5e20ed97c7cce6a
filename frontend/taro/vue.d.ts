import type { PublicProps, VNode } from 'vue'
import type { Failure, Options, Success } from 'haoma-core'
import type { Typed } from 'haoma-core/sms'

export type { Failure, Success } from 'haoma-core'
export type { Typed } from 'haoma-core/sms'

export interface HaomaPhoneButtonProps extends Omit<Options, 'platform' | 'onState' | 'onSuccess' | 'onFail'> {
  /** The text that the user sees before the tap. */
  consent?: string
  /** The app in haoma.toml has `[sms]`: the fields of the fallback prove the number by a text message. */
  sms?: boolean
  disabled?: boolean
  loading?: boolean
  onSuccess?: (success: Success) => void
  onFail?: (failure: Failure) => void
  /** Without `sms`: what the user has typed into the fields of the fallback. Nobody has verified it. */
  onTyped?: (typed: Typed) => void
  /** WeChat, with `agreePrivacy`: the user has agreed to the privacy guideline. */
  onAgree?: (detail: unknown) => void
}

/** The button for the phone number. */
export const HaomaPhoneButton: new () => {
  $props: PublicProps & HaomaPhoneButtonProps
  $slots: {
    /** The label of the button; the kit has one of its own. */
    default?: () => VNode[]
    /** The way without the button, in place of the kit's fields for the number. It is shown when the button cannot help. */
    fallback?: () => VNode[]
  }
  $emit: {
    (event: 'success', success: Success): void
    (event: 'fail', failure: Failure): void
    (event: 'typed', typed: Typed): void
    (event: 'agree', detail: unknown): void
  }
}

import type { PublicProps, VNode } from 'vue'
import type { Failure, Options, Success } from 'haoma-core'

export type { Failure, Success } from 'haoma-core'

export interface HaomaPhoneButtonProps extends Omit<Options, 'platform' | 'onState' | 'onSuccess' | 'onFail'> {
  /** The text that the user sees before the tap. */
  consent?: string
  disabled?: boolean
  loading?: boolean
  onSuccess?: (success: Success) => void
  onFail?: (failure: Failure) => void
  /** WeChat, with `agreePrivacy`: the user has agreed to the privacy guideline. */
  onAgree?: (detail: unknown) => void
}

/** The button for the phone number. */
export const HaomaPhoneButton: new () => {
  $props: PublicProps & HaomaPhoneButtonProps
  $slots: {
    /** The label of the button; the kit has one of its own. */
    default?: () => VNode[]
    /** The way without the button, such as an input for the number. It is shown when the button cannot help. */
    fallback?: () => VNode[]
  }
  $emit: {
    (event: 'success', success: Success): void
    (event: 'fail', failure: Failure): void
    (event: 'agree', detail: unknown): void
  }
}

import type { DefineComponent, SlotsType } from 'vue'
import type { Failure, Options, Success } from 'haoma-core'

export type { Failure, Success } from 'haoma-core'

export interface HaomaPhoneButtonProps extends Omit<Options, 'platform' | 'onState' | 'onSuccess' | 'onFail'> {
  /** The text that the user sees before the tap. */
  consent?: string
  disabled?: boolean
  loading?: boolean
}

/** The button for the phone number. */
export const HaomaPhoneButton: DefineComponent<
  HaomaPhoneButtonProps, object, object, object, object, object, object,
  { success: (success: Success) => void; fail: (failure: Failure) => void; agree: (detail: unknown) => void },
  'success' | 'fail' | 'agree', object, Readonly<HaomaPhoneButtonProps>, object,
  SlotsType<{ default: void; fallback: void }>
>

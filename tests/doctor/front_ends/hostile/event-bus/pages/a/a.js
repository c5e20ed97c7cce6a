import { emit } from '../../utils/bus'
Page({ onPhone({ detail }) { if (detail.code) emit('phone', detail) } })

import * as api from '../../api'
Page({ async onPhone({ detail: { code } = {} }) { if (code) await api.phone(code) } })

const bus = require('../../utils/bus')
Page({ onPhone({ detail }) { if (detail.iv) bus.emit(detail) } })

import request from '@/sheep/request'

const bindPhone = (e) =>
  new Promise(async (resolve) => {
    const { code } = await request({ url: '/member/phone', method: 'POST', data: { code: e.code } })
    resolve(code === 0)
  })

export default { bindPhone }

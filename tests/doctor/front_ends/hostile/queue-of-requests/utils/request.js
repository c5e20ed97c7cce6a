let ready = false
const queue = []

const send = (options) => wx.request({ ...options, url: 'https://api.example.com' + options.url, method: options.method || 'POST' })

export function request(options) {
  if (ready) send(options)
  else queue.push(options)
}

export function start() {
  wx.login({
    success: ({ code }) => {
      send({
        url: '/login',
        data: { code },
        success: () => {
          ready = true
          while (queue.length) send(queue.shift())
        }
      })
    }
  })
}
